"""One membership in the group, from joining to leaving: the chain of design §4, driven by one thread.

consume → decode → coalesce → enrich → decide → deliver → record → commit
"""

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime

from confluent_kafka import Consumer, KafkaException, TopicPartition

from clients import FatalError
from clients.pacing import processor_share
from processor.assignment import Assignment, Partition
from processor.consume import Intake
from processor.deaths import Death, Deaths
from processor.decode import Undecodable
from processor.deliver import Deliver, Ending
from processor.fingerprint import fingerprint
from processor.gate import Gate
from processor.jobs import WRITES_EVENT, Entry, Job, Jobs, Step
from processor.lease import Lease
from processor.ledger import Ledger
from processor.parts import Parts, WrongKey
from processor.read import Read
from processor.record import Batch, NotCommitted, Record, dead_letter, final_row, intent_row
from processor.rules import Enriched, Send, Skip, decide
from runtime.logging import get_logger
from schemas.codec import DecodeError, RegistryUnavailable
from schemas.records import Delivery, Origin, Outcome

MOST_JOBS = 1500
UNKNOWN_SECONDS = 30.0
COMMIT_SECONDS, INTENT_SECONDS = 1.0, 0.05
BUSY_POLL, WORK_POLL, IDLE_POLL, REPLY_WAIT = 0.0, 0.02, 0.1, 0.01

log = get_logger(__name__)


class Session:
    """Built on joining, thrown away on leaving; whatever it did not commit comes again."""

    def __init__(self, parts: Parts, until_caught_up: bool, verified: bool) -> None:
        self._parts, self._until_caught_up = parts, until_caught_up
        self._clock = parts.clock
        self.verified = verified
        self._partitions: dict[int, Partition] = {}
        self._owned: set[int] = set()
        self._assigned = False
        self._jobs = Jobs()
        self._batch = Batch()
        self._deferred: list[Entry | Undecodable] = []
        self._unknown: list[tuple[float, int, Job]] = []
        self._tick = itertools.count()
        self._deaths = Deaths(parts.dead_letter_limit)
        self._storm_probe: Job | None = None
        self._storm_next = 0.0
        self._over = False
        self._committed_at = self._clock()
        self._retry_commit_at = 0.0
        self._lease = Lease(parts.lease_seconds, self._clock)
        self._ledger = Ledger(parts.codec)
        self._intake = Intake(parts.consumer, parts.codec, parts.topics.journal)
        self._assignment = Assignment(
            parts.consumer, parts.loader, parts.admin, self._ledger, parts.topics, self._clock
        )
        self._record = Record(parts.make_producer, parts.consumer, parts.codec, parts.topics, parts.group_id)
        self._read = Read(parts.enricher, Gate("BaseLinker"), self._jobs, self._clock, self._decide, self._refused)
        self._deliver = Deliver(parts.sales, Gate("SALESmanago"), self._lease, parts.limits, self._clock, self._ended)

    # ---- the chain

    def run(self, stopping: Callable[[], bool]) -> None:
        """Turn until told to stop, or caught up; LeaseLost, Fenced and KafkaException end the session."""
        self._parts.consumer.subscribe(
            [self._parts.topics.journal], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        while not stopping():
            self._lease.turn()
            self._parts.health.turn()
            self._consume()
            self._coalesce()
            self._enrich()
            self._deliver.advance()
            self._deliver.collect(REPLY_WAIT if self._deliver.in_flight else 0)
            self._commit()
            self._mind()
            if self._until_caught_up and self._caught_up():
                break
        self._finish(set(self._partitions))

    def _consume(self) -> None:
        seconds = BUSY_POLL if self._deliver.in_flight else WORK_POLL if self._jobs else IDLE_POLL
        self._intake.poll(seconds)
        if self._assignment.loading:
            for partition in self._assignment.step():
                self._ready(partition)

    def _coalesce(self) -> None:
        room = MOST_JOBS - len(self._jobs)
        if self._deaths.storm or room <= 0:
            return
        now = self._clock()
        entries = [*self._deferred, *self._intake.take(room, now)]
        self._deferred = []
        for index, entry in enumerate(entries):
            try:
                self._admit(entry, now)
            except RegistryUnavailable as error:
                log.warning("schema registry away: waiting for it", error=str(error))
                self._deferred = entries[index:]
                return

    def _admit(self, entry: Entry | Undecodable, now: float) -> None:
        raw = entry.raw
        partition = self._partitions.get(raw.partition)
        if partition is None:
            return
        if isinstance(entry, Undecodable):
            partition.tracker.start(raw.offset)
            self._deaths.add(Death((raw,), None, entry.reason, entry.error, 0, now))
            return
        row = None if self._jobs.has(entry.record.order_id) else self._row(raw.partition, entry.record.order_id)
        partition.tracker.start(raw.offset)
        if self._jobs.join(entry):
            return
        if self._is_done(entry, row, partition):
            partition.tracker.done(raw.offset)
            self._batch.touched.add(raw.partition)
            return
        self._open(entry.record.order_id, raw.partition, [entry], row)

    def _open(self, order_id: int, partition: int, entries: list[Entry], row: Delivery | None) -> Job:
        job = self._jobs.open(order_id, partition, entries, row)
        if job.uncertain:  # an intent of somebody else's: its create may still be alive
            limits = self._parts.limits
            job.settle_until = (
                self._partitions[partition].assigned_at + limits.create_timeout_seconds + limits.settle_seconds
            )
        return job

    def _row(self, partition: int, order_id: int) -> Delivery | None:
        try:
            return self._ledger.get(partition, order_id)
        except DecodeError as error:
            log.warning("a ledger row can't be read: the look will tell", order_id=order_id, error=str(error))
            return None

    @staticmethod
    def _is_done(entry: Entry, row: Delivery | None, partition: Partition) -> bool:
        if row is None or entry.forced:
            return False
        if row.journal_topic_id == partition.topic_id and entry.raw.offset <= row.journal_offset:
            return True
        delivered = row.event_id is not None and not row.purchase_due
        return entry.record.origin is Origin.BACKFILL and delivered

    def _enrich(self) -> None:
        now = self._clock()
        while self._unknown and self._unknown[0][0] <= now:
            job = heapq.heappop(self._unknown)[2]
            if not job.abandoned:
                job.step = Step.WAITING
                job.join_followers()
                self._jobs.waiting.append(job)
        self._read.advance()

    def _decide(self, job: Job, enriched: Enriched) -> None:
        if job.join_followers():  # newer entries came while it was read: read again
            self._again(job)
            return
        if enriched.order is None and self._still_looking(job):
            return
        verdict = decide(enriched, job.purchase, self._parts.rules)
        if isinstance(verdict, Skip):
            self._ended(job, Ending(Outcome.SKIPPED, str(verdict.reason)))
            return
        job.send, job.fingerprint = verdict, self._fingerprint(verdict)
        self._deliver.enter(job)

    def _still_looking(self, job: Job) -> bool:
        now = self._clock()
        job.unknown_since = job.unknown_since or now
        if now - job.unknown_since >= UNKNOWN_SECONDS:
            return False
        heapq.heappush(self._unknown, (now + 5.0, next(self._tick), job))
        return True

    def _again(self, job: Job) -> None:
        job.step, job.send = Step.WAITING, None
        self._jobs.waiting.append(job)

    def _fingerprint(self, send: Send) -> str:
        secret = self._parts.secret
        purchase = fingerprint(send.purchase.to_json(), secret) if send.purchase is not None else ""
        return f"{fingerprint(send.contact.to_json(), secret)}.{purchase}"

    def _refused(self, job: Job, error: Exception) -> None:
        self._ended(job, Ending(Outcome.DEAD, "order_refused", error=error))

    def _ended(self, job: Job, ending: Ending) -> None:
        """A job has its outcome: its row goes into the next transaction, later entries become the next job."""
        if ending.outcome is Outcome.DEAD:
            raws = tuple(entry.raw for entry in job.entries)
            self._deaths.add(Death(raws, job, ending.reason, ending.error, job.attempts, self._clock()))
            if self._storm_probe is job:
                self._storm_probe = self._deliver.only = None
            return
        if ending.outcome is Outcome.DELIVERED or self._storm_probe is job:
            self._way_is_open(job)
        self._conclude(job, ending)

    def _conclude(self, job: Job, ending: Ending) -> None:
        partition = self._partitions.get(job.partition)
        followers = self._jobs.close(job)
        if partition is None or (job.abandoned and not ending.event_id):
            return
        row = final_row(job, ending, partition.topic_id, datetime.now(UTC))
        value = self._record.encode(row)
        self._batch.rows[job.order_id] = (job.partition, value)
        self._ledger.put(job.partition, job.order_id, value)
        for entry in job.entries:
            partition.tracker.done(entry.raw.offset)
        self._batch.touched.add(job.partition)
        self._parts.metrics.delivery.observe(max(0.0, self._clock() - job.entries[0].seen_at))
        self._parts.metrics.orders.labels(outcome=str(row.outcome), reason=row.reason).inc()
        log.info(
            "order done",
            order_id=job.order_id,
            outcome=str(row.outcome),
            reason=row.reason,
            log_id=job.log_id,
            partition=job.partition,
            offset=job.offset,
            attempt=job.attempts,
        )
        if followers and not job.abandoned:
            following = self._open(job.order_id, job.partition, followers, row)
            following.settle_until = max(following.settle_until, job.settle_until)

    def _commit(self) -> None:
        now = self._clock()
        for job in self._deliver.to_intend:
            self._batch.intents.append(job)
        self._deliver.to_intend = []
        if not (self._batch or self._batch.intents) or now < self._retry_commit_at:
            return
        waited = now - self._committed_at
        if waited < (INTENT_SECONDS if self._batch.intents else COMMIT_SECONDS) and len(self._batch.rows) < 500:
            return
        self._write()

    def _write(self) -> bool:
        batch = self._batch
        for job in batch.intents:
            partition = self._partitions[job.partition]
            row = intent_row(job, partition.topic_id, datetime.now(UTC))
            value = self._record.encode(row)
            batch.rows[job.order_id] = (job.partition, value)
            batch.touched.add(job.partition)
        try:
            self._record.commit(batch, self._partitions, self._deaths.streak)
        except NotCommitted:
            self._retry_commit_at = self._clock() + 0.5
            return False
        for job in batch.intents:
            self._ledger.put(job.partition, job.order_id, batch.rows[job.order_id][1])
        self._batch = Batch()
        self._committed_at = self._clock()
        self._deliver.intended(batch.intents)
        return True

    # ---- stop conditions

    def _mind(self) -> None:
        """Held dead letters, wrong keys, storms: what pauses the program, and the probe that lets it go on."""
        now = self._clock()
        at_once = self._until_caught_up and len(self._jobs) == self._held_jobs()
        for death in self._deaths.due(now, at_once):
            self._bury(death)
        for gate, name in ((self._deliver.gate, "SALESmanago"), (self._read.gate, "BaseLinker")):
            if gate.stopped is not None:
                if self._until_caught_up or not self.verified:
                    raise WrongKey(f"{name}: {gate.stopped}")
                if gate.probe_due(now):
                    gate.probing(now)
                    self._probe(gate)
        self._deliver.halted = self._deaths.storm
        if self._deaths.storm:
            if self._until_caught_up:
                last = self._deaths.held[-1] if self._deaths.held else None
                raise WrongKey(
                    f"{self._deaths.streak + len(self._deaths.held)} dead letters in a row"
                    f" (last: {last.reason if last else 'recorded before'}: {last.error if last else ''});"
                    " nothing more is dead-lettered. Look at them with `bl2sm dead-letters list`, mend the cause,"
                    " or raise MAX_CONSECUTIVE_DEAD_LETTERS"
                )
            self._weather_storm(now)
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

    def _weather_storm(self, now: float) -> None:
        if now < self._storm_next or self._storm_probe is not None:
            return
        self._storm_next = now + 60.0
        log.error(
            "paused: too many dead letters in a row; one order is tried again each minute. Mend the cause (restart if"
            " messages can't be read), or raise MAX_CONSECUTIVE_DEAD_LETTERS",
            streak=self._deaths.streak,
            held=len(self._deaths.held),
        )
        death = next((held for held in self._deaths.held if held.job is not None), None)
        if death is None or death.job is None:
            return  # messages alone do not change by being tried again: a restart reads them anew
        self._deaths.held.remove(death)
        self._storm_probe = self._deliver.only = death.job
        death.job.attempts = 0
        self._again(death.job)

    def _way_is_open(self, job: Job) -> None:
        if self._deaths.storm:
            log.info("the way is open again: the held orders are tried anew", order_id=job.order_id)
            for death in self._deaths.pop_all():
                if death.job is None:
                    self._bury(death)
                else:
                    death.job.attempts = 0
                    self._again(death.job)
        else:
            for death in self._deaths.delivered():
                self._bury(death)
        self._storm_probe = self._deliver.only = None

    def _bury(self, death: Death) -> None:
        for raw in death.raws:
            letter = dead_letter(raw, self._parts.topics.journal, death.reason, death.error, death.attempts)
            self._batch.dead.append((raw, letter))
        log.error(
            "dead letter",
            reason=death.reason,
            partition=death.partition,
            offset=death.raws[-1].offset,
            order_id=death.job.order_id if death.job else None,
            attempt=death.attempts,
            error=str(death.error) if death.error else "",
        )
        self._parts.metrics.dead_letters.labels(reason=death.reason).inc(len(death.raws))
        if death.job is not None:
            contact = death.job.contact_id
            self._conclude(death.job, Ending(Outcome.DEAD, death.reason, None, contact, death.error))
            return
        for raw in death.raws:
            self._partitions[raw.partition].tracker.done(raw.offset)
            self._batch.touched.add(raw.partition)

    def _held_jobs(self) -> int:
        return sum(death.job is not None for death in self._deaths.held)

    def _caught_up(self) -> bool:
        idle = not self._jobs and not self._deferred and not self._batch and not self._deaths.held
        return self._assigned and not self._assignment.loading and idle and self._intake.at_end()

    def _report(self, now: float) -> None:
        oldest = min((entry.seen_at for job in self._jobs for entry in job.entries[:1]), default=now)
        self._parts.metrics.oldest_unfinished.set(now - oldest)
        stopped = self._deliver.gate.stopped or self._read.gate.stopped
        self._parts.metrics.paused.set(1 if stopped or self._deaths.storm else 0)
        health = self._parts.health
        health.set_ready("SALESmanago", self._deliver.gate.stopped is None, self._deliver.gate.stopped or "")
        health.set_ready("BaseLinker", self._read.gate.stopped is None, self._read.gate.stopped or "")
        health.set_ready("dead letters", not self._deaths.storm, "too many dead letters in a row")
        health.set_ready("assignment", self._assigned and not self._assignment.loading, "partitions are being loaded")

    # ---- membership

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = {partition.partition for partition in partitions}
        log.info("partitions assigned", partitions=sorted(numbers))
        if self._parts.cooperative:
            consumer.incremental_assign(partitions)
        else:
            consumer.assign(partitions)
        if partitions:
            consumer.pause(partitions)
        self._assigned = True
        self._owned |= numbers
        self._assignment.begin(numbers)
        self._parts.check_partitions()
        self._share()

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._over:
            return
        numbers = {partition.partition for partition in partitions}
        log.info("partitions revoked", partitions=sorted(numbers))
        self._finish(numbers)
        self._give_up(numbers)
        if self._parts.cooperative:
            consumer.incremental_unassign(partitions)
        else:
            consumer.unassign()

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._over:
            return
        numbers = {partition.partition for partition in partitions}
        log.warning("partitions lost: nothing of theirs is committed", partitions=sorted(numbers))
        self._give_up(numbers)
        if self._parts.cooperative:
            consumer.incremental_unassign(partitions)
        else:
            consumer.unassign()

    def _ready(self, partition: Partition) -> None:
        number = partition.number
        here = TopicPartition(self._parts.topics.journal, number, partition.tracker.committable or 0)
        try:
            self._parts.consumer.seek(here)
        except KafkaException:  # not fetching yet: its start is set when it does
            self._assignment.begin({number})
            return
        self._partitions[number] = partition
        # one short of the limit: the next dead letter is held, so a restart loop drains nothing, and a delivery goes on
        before = min(partition.progress.dead_streak, self._parts.dead_letter_limit - 1)
        self._deaths.streak = max(self._deaths.streak, before)
        self._intake.open(number, partition.progress.replay_until)
        self._parts.consumer.resume([here])
        log.info("partition ready", partition=number, offset=here.offset, ledger_rows=self._ledger.count(number))

    def _finish(self, numbers: set[int]) -> None:
        """Drop what was not sent, wait for calls under way, commit what has an outcome."""
        limits = self._parts.limits
        deadline = self._clock() + limits.create_timeout_seconds + 5.0
        calling = [job for job in self._jobs if job.partition in numbers and job.in_call]
        for number in numbers:
            self._intake.drop(number)
        idle = [job for job in self._jobs if job.partition in numbers and not job.in_call]
        for job in idle:
            job.abandoned = True
        self._deliver.abandon(idle)
        self._batch.intents = [job for job in self._batch.intents if not job.abandoned]
        while self._clock() < deadline and any(job.in_call for job in calling):
            self._lease.turn()
            self._deliver.collect(0.05)
            for job in calling:
                if not job.in_call and job.step not in WRITES_EVENT | {Step.DONE}:
                    job.abandoned = True
        self._deaths.drop(numbers)
        for _ in range(3):
            if not self._batch or self._write():
                break

    def _give_up(self, numbers: set[int]) -> None:
        self._owned -= numbers
        for number in numbers:
            self._partitions.pop(number, None)
            self._intake.drop(number)
        self._deliver.abandon(self._jobs.abandon(numbers))
        self._deferred = [entry for entry in self._deferred if entry.raw.partition not in numbers]
        self._batch.drop(numbers)
        self._deaths.drop(numbers)
        if self._storm_probe is not None and self._storm_probe.abandoned:
            self._storm_probe = self._deliver.only = None
        self._assignment.drop(numbers)
        self._share()

    def _share(self) -> None:
        parts = self._parts
        parts.pacer.set_rate(
            processor_share(parts.budget, parts.poll_interval_seconds, len(self._owned), parts.partitions)
        )

    def leave(self) -> None:
        """Refuse every later write; the group's callbacks do nothing any more."""
        self._over = True
        self._lease.give_up()

    def close(self) -> None:
        """End the threads and remove the ledger; calls under way are waited for."""
        self.leave()
        self._deliver.shut()
        self._read.leave()
        self._ledger.close()
