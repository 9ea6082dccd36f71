"""One membership in the group, from joining to leaving: the steps of an order, driven by one thread.

consume → decode → coalesce → enrich → decide → deliver → record → commit
"""

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime

from processor.circuit_breaker import Gate
from processor.coalesce.admit import Admit
from processor.commit.transaction import Batch, Fenced, NotCommitted, Record, intent_row
from processor.consume.caught_up import GroupEnd
from processor.consume.rebalance import Membership
from processor.consume.source import Intake
from processor.control.lag import Lag
from processor.control.operator import Obey
from processor.decide.fingerprint import fingerprint
from processor.decide.rules import Enriched, Send, Skip, decide, money_judged
from processor.deliver.lease import Lease, LeaseLost
from processor.deliver.stage import Deliver
from processor.deliver.state_machine import Ending, held_until
from processor.enrich.missing_orders import Unknown
from processor.enrich.stage import Read
from processor.holdings import Holdings
from processor.job import Job, Step
from processor.parts import Parts, WrongKey
from processor.record.dead_letters import Deaths
from processor.record.stage import Outcomes
from processor.redact import Unexpected, nameless
from processor.restore.ledger import Ledger, Torn
from processor.restore.restore import Assignment
from processor.restore.topic_identity import TopicWatch
from processor.stops import Stops
from runtime.broker_watch import BrokerWatch
from runtime.logging import get_logger
from schemas.codec import DecodeError, RegistryUnavailable
from schemas.records import Delivery, Outcome

MOST_JOBS, MOST_PARKED = 1500, 500
REFUSED_FIRST_SECONDS, REFUSED_LONGEST_SECONDS = 0.5, 10.0
COMMIT_SECONDS, INTENT_SECONDS = 1.0, 0.05
MOST_ABORTS = 20
BUSY_POLL, WORK_POLL, IDLE_POLL, REPLY_WAIT = 0.0, 0.02, 0.1, 0.01

log = get_logger(__name__)


class Session:
    """Built on joining, thrown away on leaving; whatever it did not commit comes again."""

    def __init__(self, parts: Parts, until_caught_up: bool) -> None:
        self._parts, self._until_caught_up, self._clock = parts, until_caught_up, parts.clock
        self._holdings = held = Holdings(Deaths(parts.dead_letter_limit))
        self._unread: list[tuple[float, int, Job]] = []
        self._settling: list[tuple[float, int, Job, Ending]] = []
        self._tick = itertools.count()
        self._committed_at = self._clock()
        self._retry_commit_at = 0.0
        self._aborts = 0
        self._lease = Lease(parts.lease_seconds, self._clock)
        self._ledger = Ledger(parts.codec)
        self._intake = Intake(parts.consumer, parts.codec, parts.topics.journal, self._clock)
        self._watch = TopicWatch(parts.admin, parts.topics, parts.partitions, self._clock)
        self._broker = BrokerWatch(parts.admin, parts.topics.deliveries, parts.health, self._clock)
        self._group_end = GroupEnd(parts.consumer, parts.loader, parts.topics.journal, parts.partitions, self._clock)
        self._record = Record(parts.make_producer, parts.consumer, parts.codec, parts.topics, parts.group_id)
        self._read = Read(
            parts.enricher, Gate("BaseLinker"), held.jobs, self._clock, self._judge, self._refused, parts.token_verified
        )
        self._unknown = Unknown(
            held.jobs,
            parts.dead_letter_limit,
            lambda: self._read.shown_at,
            lambda: any(self._ledger.count(number) for number in held.partitions),
            self._clock,
        )
        self._deliver = Deliver(parts.sales, Gate("SALESmanago"), self._lease, parts.limits, self._clock, self._ended)
        self._admit = Admit(parts, held, self._ledger, self._intake)
        self._outcomes = Outcomes(
            held, self._ledger, self._record, parts.topics.journal, parts.metrics, self._admit.open
        )
        self._lag = Lag(parts.metrics, held, self._intake)
        self._stops = Stops(
            parts,
            held,
            self._outcomes,
            self._read,
            self._deliver,
            until_caught_up,
            self._lag,
            again=self._again,
            decode=self._admit.decode_again,
            admit=self._admit.read_late,
        )
        assignment = Assignment(parts.consumer, parts.loader, parts.admin, self._ledger, parts.topics, self._clock)
        self._membership = Membership(
            parts,
            held,
            assignment,
            self._intake,
            self._deliver,
            self._stops,
            self._lease,
            self._watch,
            self._encoded,
            self._write,
        )
        self._obey = Obey(
            parts.live,
            self._membership,
            self._read,
            parts.enricher,
            parts.health,
            parts.metrics,
            until_caught_up,
        )

    # ---- the chain

    def run(self, stopping: Callable[[], bool]) -> bool:
        """Turn until told to stop, or caught up (True); an exception ends the session, main says which join anew."""
        self._membership.join()
        caught_up = False
        while not (caught_up or stopping()):
            self._lease.turn()
            self._parts.health.turn()
            self._parts.commits.turn()
            self._watch.look()
            self._broker.look()
            self._consume()
            self._obey.turn()
            self._coalesce()
            self._enrich()
            self._deliver.advance()
            self._deliver.collect(REPLY_WAIT if self._deliver.in_flight else 0)
            self._settle()
            self._try_commits()
            self._commit()
            self._stops.mind()
            caught_up = self._until_caught_up and self._caught_up()
        self._membership.finish(set(self._holdings.partitions))
        return caught_up

    def _consume(self) -> None:
        busy = self._deliver.in_flight or self._membership.loading
        seconds = BUSY_POLL if busy else WORK_POLL if self._holdings.jobs else IDLE_POLL
        self._intake.poll(seconds)
        if self._membership.trouble is not None:
            raise self._membership.trouble
        self._membership.step()
        if self._holdings.partitions:
            self._read.greet()

    def _coalesce(self) -> None:
        room = min(MOST_JOBS - len(self._holdings.jobs), MOST_PARKED - self._deliver.parked)
        if self._holdings.deaths.storm:
            room = min(room, self._stops.may_take_one)
        if room > 0 and self._obey.may_take:
            self._admit.take(room)

    def _enrich(self) -> None:
        now = self._clock()
        while self._unread and self._unread[0][0] <= now:
            job = heapq.heappop(self._unread)[2]
            if not job.abandoned:
                job.join_followers()
                self._again(job)
        self._read.advance()

    def _judge(self, job: Job, enriched: Enriched) -> None:
        """Decide; an order that makes the rules fail is a dead letter of its own, not the end of the program."""
        try:
            self._decide(job, enriched)
        except (LeaseLost, Torn, WrongKey):
            raise
        except Exception as error:
            unexpected = Unexpected(str(nameless(error)))
            log.error("the rules failed on an order", **job.told, error=str(unexpected))
            self._ended(job, Ending(Outcome.DEAD, "undecidable", error=unexpected))

    def _decide(self, job: Job, enriched: Enriched) -> None:
        if job.join_followers():  # newer entries came while it was read: read again
            self._again(job)
            return
        if enriched.order is not None:
            self._unknown.shown(job)
        elif (seconds := self._unknown.again_in(job)) is not None:
            if self._until_caught_up and self._unknown.nothing_listed:
                raise WrongKey(
                    "BaseLinker says success and lists no order at all: is BASELINKER_TOKEN of this account?"
                )
            self._later(job, seconds)
            return
        rules = self._parts.live.rules
        verdict = decide(enriched, job.purchase, rules)
        if (money := money_judged(enriched, job.purchase, verdict, rules)) is not None:
            self._parts.metrics.currencies.note(money.currency, money.treatment)
        if isinstance(verdict, Skip):
            self._ended(job, Ending(Outcome.SKIPPED, str(verdict.reason)))
            return
        job.send, job.fingerprint = verdict, self._fingerprint(verdict)
        self._deliver.enter(job)

    def _later(self, job: Job, seconds: float) -> None:
        """Read a job's order anew, but not at once."""
        heapq.heappush(self._unread, (self._clock() + seconds, next(self._tick), job))

    def _again(self, job: Job) -> None:
        job.step, job.send = Step.WAITING, None
        self._holdings.jobs.waiting.append(job)

    def _fingerprint(self, send: Send) -> str:
        secret = self._parts.secret
        purchase = fingerprint(send.purchase.to_json(), secret) if send.purchase is not None else ""
        return f"{fingerprint(send.contact.to_json(), secret)}.{purchase}"

    def _refused(self, job: Job, error: Exception) -> None:
        """BaseLinker answers, but not about this order: perhaps for a moment only."""
        job.attempts += 1
        if job.attempts >= self._parts.limits.attempts:
            self._ended(job, Ending(Outcome.DEAD, "order_refused", error=error))
            return
        self._later(job, min(REFUSED_LONGEST_SECONDS, REFUSED_FIRST_SECONDS * 2 ** min(job.attempts - 1, 10)))

    def _ended(self, job: Job, ending: Ending) -> None:
        at = held_until(job, ending)
        if at > self._clock():
            heapq.heappush(self._settling, (at, next(self._tick), job, ending))
        else:
            self._stops.ended(job, ending)

    def _settle(self) -> None:
        now = self._clock()
        while self._settling and self._settling[0][0] <= now:
            _, _, job, ending = heapq.heappop(self._settling)
            if not job.abandoned:
                self._stops.ended(job, ending)

    # ---- record and commit

    def _commit(self) -> None:
        now, batch = self._clock(), self._holdings.batch
        if now < self._retry_commit_at:
            return
        batch.intents += self._deliver.take_intents()
        if not batch:
            return
        waited = now - self._committed_at
        if waited < (INTENT_SECONDS if batch.intents else COMMIT_SECONDS) and len(batch.rows) < 500:
            return
        self._write()

    def _try_commits(self) -> None:
        """After a refusal, and with nothing to record: write one unfinished order's row once more, as it is."""
        batch = self._holdings.batch
        if not self._parts.commits.doubted or batch:
            return
        for job in self._holdings.jobs:
            if job.partition in self._holdings.partitions:
                try:
                    row = self._ledger.get(job.partition, job.order_id)
                except (DecodeError, RegistryUnavailable):
                    continue
                batch.rows[job.order_id] = (job.partition, self._encoded(row))
                batch.touched.add(job.partition)
                return

    def _write(self) -> bool:
        batch, began = self._holdings.batch, self._clock()
        for job in batch.intents:
            partition = self._holdings.partitions[job.partition]
            value = self._record.encode(intent_row(job, partition.topic_id, datetime.now(UTC)))
            batch.rows[job.order_id] = (job.partition, value)
            batch.touched.add(job.partition)
        try:
            self._record.commit(batch, self._holdings.partitions, self._holdings.deaths.streak)
        except Fenced as error:
            self._parts.commits.refused(str(error))
            raise
        except NotCommitted as error:
            self._parts.commits.refused(str(error))
            self._aborts += 1
            if self._aborts >= MOST_ABORTS:
                raise Fenced(f"{self._aborts} transactions in a row were not taken: {error}") from error
            self._retry_commit_at = self._clock() + 0.5
            return False
        self._aborts = 0
        self._parts.commits.taken()
        for job in batch.intents:
            written = batch.rows[job.order_id][1]
            if written is not None:
                self._ledger.put(job.partition, job.order_id, written)
        self._holdings.batch = Batch()
        self._committed_at = self._clock()
        self._deliver.intended(batch.intents, began)
        return True

    def _encoded(self, row: Delivery | None) -> bytes | None:
        return self._record.encode(row) if row is not None else None

    def _caught_up(self) -> bool:
        verified = self._parts.token_verified.is_set() or not self._holdings.partitions
        settled = self._membership.settled and self._obey.may_take
        mine = settled and verified and self._holdings.idle and self._intake.at_end()
        return mine and self._group_end.reached()

    # ---- leaving

    def leave(self) -> None:
        """Refuse every later write; the group's callbacks do nothing any more."""
        self._membership.leave()
        self._lag.end()
        self._lease.give_up()

    def close(self) -> None:
        """End the threads and remove the ledger; calls under way are waited for."""
        self.leave()
        self._deliver.shut()
        self._read.leave()
        self._ledger.close()
