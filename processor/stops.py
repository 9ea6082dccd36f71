"""What pauses the program, and the probe that lets it go on.

A wrong key, or dead letters in a row: nothing is sent and nothing dead-lettered, the membership is kept, and once a
minute one call is tried. With `--until-caught-up` the program ends instead and says what to mend.
"""

import time
from collections.abc import Callable, Set

from clients import FatalError
from processor.circuit_breaker import Gate
from processor.consume.decode import Undecodable
from processor.control.lag import Lag
from processor.deliver.stage import Deliver
from processor.deliver.state_machine import Ending
from processor.enrich.stage import Read
from processor.holdings import Holdings
from processor.job import Entry, Job, Raw
from processor.parts import Parts, WrongKey
from processor.record.dead_letters import Death, Write, refused_write, vouched
from processor.record.stage import Outcomes
from runtime.logging import get_logger
from schemas.codec import RegistryUnavailable
from schemas.records import Outcome

PROBE_SECONDS, PROBE_LASTS_SECONDS = 60.0, 600.0
ALARM_SECONDS = 600.0
REPORT_SECONDS = 1.0

log = get_logger(__name__)


class Stops:
    """Called at every turn. `again` reads a held order anew, `admit` takes in a message that could not be read."""

    def __init__(
        self,
        parts: Parts,
        holdings: Holdings,
        outcomes: Outcomes,
        read: Read,
        deliver: Deliver,
        until_caught_up: bool,
        lag: Lag,
        again: Callable[[Job], None],
        decode: Callable[[Raw], Entry | Undecodable],
        admit: Callable[[Entry], None],
    ) -> None:
        self._parts, self._holdings, self._outcomes = parts, holdings, outcomes
        self._read, self._deliver, self._until_caught_up = read, deliver, until_caught_up
        self._lag, self._again, self._decode, self._admit = lag, again, decode, admit
        self._probe_job: Job | None = None
        self._probe_fresh = False
        self._fresh_wanted: int | None = None  # held when it was found that nothing else waits to be tried
        self._probe_until = 0.0
        self._next_probe = 0.0
        self._next_report = 0.0
        self._next_alarm = 0.0

    def ended(self, job: Job, ending: Ending) -> None:
        """A job has an outcome: a death is held for a while, an answered write shows that others of its kind are."""
        if ending.outcome is Outcome.DEAD:
            raws = tuple(entry.raw for entry in job.entries)
            died_at, write = self._parts.clock(), refused_write(job)
            self._holdings.deaths.add(Death(raws, job, ending.reason, ending.error, job.attempts, died_at, write))
            if self._probe_job is job:
                self._probe_job = self._deliver.only = None
            return
        if ending.outcome is Outcome.DELIVERED:
            self._answered(vouched(job))
        if self._probe_job is job:
            self._probe_job = self._deliver.only = None
            self._holdings.deaths.tried()
        self._outcomes.conclude(job, ending)

    def dropped(self) -> None:
        """Partitions were given up."""
        if self._probe_job is not None and self._probe_job.abandoned:
            self._probe_job = self._deliver.only = None

    def mind(self) -> None:
        """Let single deaths go, watch gates and storms, probe, report. WrongKey ends the program."""
        now, deaths = self._parts.clock(), self._holdings.deaths
        held_jobs = sum(death.job is not None for death in deaths.held)
        for death in deaths.due(now, self._until_caught_up and len(self._holdings.jobs) == held_jobs):
            self._outcomes.bury(death)
        for gate in (self._deliver.gate, self._read.gate):
            if gate.stopped is not None:
                if self._until_caught_up or (gate is self._read.gate and not self._parts.token_verified.is_set()):
                    raise WrongKey(f"{gate.name}: {gate.stopped}")
                if gate.probe_due(now):
                    gate.probing(now)
                    self._probe(gate)
        self._deliver.halted = deaths.storm or self._parts.commits.doubted
        if deaths.storm:
            if self._until_caught_up:
                raise WrongKey(self._storm_sentence())
            self._weather(now)
        if now >= self._next_report:
            self._next_report = now + REPORT_SECONDS
            self._report(now)

    def _probe(self, gate: Gate) -> None:
        def done(error: BaseException | None) -> None:
            if error is None:
                log.info("the API answers again: going on", api=gate.name)
                gate.mended()
            elif isinstance(error, FatalError):
                log.error("paused", api=gate.name, why=str(error))

        if gate is self._deliver.gate:
            self._deliver.probe(done)
        elif not self._read.busy:
            self._read.probe(self._parts.greet_baselinker, done)

    # ---- a storm of dead letters

    def _weather(self, now: float) -> None:
        if now < self._next_probe or (self._probe_job is not None and now < self._probe_until):
            return
        self._next_probe = now + PROBE_SECONDS
        deaths = self._holdings.deaths
        log.error(
            "paused: too many dead letters in a row; one order is tried each minute. Mend the cause, or raise"
            " MAX_CONSECUTIVE_DEAD_LETTERS",
            streak=deaths.streak,
            held=len(deaths.held),
            reasons=sorted({death.reason for death in deaths.held}),
        )
        if self._take_in_readable():
            return
        # in turn a held one and one that was not tried yet: those that are held may all be bad ones
        held = next((death for death in deaths.held if death.job is not None), None)
        fresh, fresh_first, self._probe_fresh = self._deliver.waiting, self._probe_fresh, not self._probe_fresh
        self._fresh_wanted = len(deaths.held) if fresh is None else None
        if fresh is not None and (held is None or fresh_first):
            self._try_one(fresh, now)
        elif held is not None and held.job is not None:
            deaths.held.remove(held)
            self._try_one(held.job, now)
            held.job.attempts = held.job.failures = 0
            self._again(held.job)

    @property
    def may_take_one(self) -> bool:
        """Whether, during a pause, another entry is taken in, so that an order that was not tried yet can be."""
        deaths = self._holdings.deaths
        nothing_else = len(self._holdings.jobs) == sum(death.job is not None for death in deaths.held)
        return self._fresh_wanted is not None and len(deaths.held) <= self._fresh_wanted and nothing_else

    def _try_one(self, job: Job, now: float) -> None:
        self._probe_job = self._deliver.only = job
        self._probe_until = now + PROBE_LASTS_SECONDS  # then another one is tried, should this one be stuck

    def _answered(self, writes: Set[Write]) -> None:
        """Let go what is vouched for: an order that needed no write (unchanged, adopted) proves nothing."""
        deaths = self._holdings.deaths
        storm, gone = deaths.storm, deaths.answered(writes)
        if storm and not deaths.storm:
            log.info("SALESmanago accepts these writes again: trying the held orders again", held=len(gone))
            self._probe_job = self._deliver.only = None
        for death in gone:
            if storm:
                self._retry(death)
            else:
                self._outcomes.bury(death)

    def _retry(self, death: Death) -> None:
        if death.job is not None:
            death.job.attempts = death.job.failures = 0
            self._again(death.job)
            return
        found = self._read_again(death)
        if isinstance(found, Entry):
            self._admit(found)
        else:
            self._outcomes.bury(death)

    def _take_in_readable(self) -> bool:
        """Take in the held messages that can be read by now; that says nothing about refused orders."""
        deaths = self._holdings.deaths
        unread = [death for death in deaths.held if death.job is None]
        if not any(isinstance(self._read_again(death), Entry) for death in unread[:3]):
            return False
        for death in unread:
            if isinstance(found := self._read_again(death), Entry):
                deaths.held.remove(death)
                self._admit(found)
        deaths.tried()
        return True

    def _read_again(self, death: Death) -> Entry | Undecodable | None:
        try:
            return self._decode(death.raws[0])
        except RegistryUnavailable:
            return None

    def _storm_sentence(self) -> str:
        deaths = self._holdings.deaths
        last = deaths.held[-1] if deaths.held else None
        return (
            f"{deaths.streak + len(deaths.held)} dead letters in a row"
            f" (last: {last.reason if last else 'recorded before'}: {last.error if last else ''});"
            " nothing more is dead-lettered. Mend the cause and start again, or raise MAX_CONSECUTIVE_DEAD_LETTERS"
        )

    # ---- what the outside sees

    def _report(self, now: float) -> None:
        health, metrics, deaths = self._parts.health, self._parts.metrics, self._holdings.deaths
        sales, base = self._deliver.gate, self._read.gate
        blocked = self._parts.pacer.blocked_until
        waits = f"{base.why or 'asks to wait'}; waiting until {blocked:%H:%M:%S} UTC" if blocked else ""
        health.set_ready(sales.name, sales.stopped is None, sales.stopped or "")
        health.set_ready(base.name, base.stopped is None and not blocked, base.stopped or waits)
        health.set_ready("dead letters", not deaths.storm, "too many dead letters in a row")
        stopped = sales.stopped or base.stopped
        metrics.paused.set(1 if stopped or deaths.storm else 0)
        metrics.parked.set(self._deliver.parked)
        self._lag.report()
        tried = (job.failures or job.attempts or job.unknown_since is not None for job in self._holdings.jobs)
        metrics.retrying.set(sum(map(bool, tried)))
        age, oldest = self._oldest(time.time())
        metrics.oldest_unfinished.set(age)
        if oldest is not None and age > ALARM_SECONDS and now >= self._next_alarm:
            self._next_alarm = now + PROBE_SECONDS
            self._alarm(oldest, age)

    def _oldest(self, wall: float) -> tuple[float, Job | None]:
        """Age and job of the entry that waits for longest; what is replayed had its outcome before."""
        written: list[tuple[float, Job | None]] = [
            (entry.raw.written_at, job) for job in self._holdings.jobs for entry in job.entries if not entry.replayed
        ]
        at, job = min(written, key=lambda pair: pair[0], default=(wall, None))
        return max(0.0, wall - at), job

    def _alarm(self, oldest: Job, age: float) -> None:
        log.error(
            "an entry waits for long",
            seconds=round(age),
            order_id=oldest.order_id,
            log_id=oldest.log_id,
            topic=self._parts.topics.journal,
            partition=oldest.partition,
            offset=oldest.entries[0].raw.offset,
            step=oldest.step.name.lower(),
            attempt=oldest.attempts,
            parked=self._deliver.parked,
            baselinker=self._read.gate.why or "fine",
            salesmanago=self._deliver.gate.why or "fine",
        )
