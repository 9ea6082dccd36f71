"""Entries, endings, transactions, rebalances in any order: nothing is committed past an entry without an outcome.

Coalesce, record, commit and the pipeline are the program's own; source, reading, delivery and Kafka are a model.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from confluent_kafka import TopicPartition
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from processor.coalesce.stage import LINGER_SECONDS, Coalesce
from processor.commit.policy import COMMIT_SECONDS
from processor.commit.stage import Commit
from processor.control.flow import Flow
from processor.decide.judge import Judge
from processor.decide.rules import RuleSettings
from processor.ending import Ending
from processor.job import Entry, Job, Raw
from processor.partition import Partition
from processor.partitions import Partitions
from processor.pipeline import Pipeline
from processor.record.breaker import DeadLetterBreaker
from processor.record.stage import HOLD_SECONDS, Record
from processor.restore.ledger import Ledger
from processor.stages import Stages
from processor.values import Intent
from runtime.health import Health
from runtime.metrics import Metrics
from runtime.refusals import Refusals
from runtime.transaction import NotCommitted, OutgoingMessage
from schemas.codec import make_codec
from schemas.progress import Progress
from schemas.records import Delivery, JournalEntry, Origin, Outcome
from schemas.topics import Topics
from tests.harness.cases import cases
from tests.processor.by_hand import by_hand

NOW = datetime(2026, 11, 24, tzinfo=UTC)
TOPICS = Topics("t")
CODEC = make_codec(TOPICS, None)
PARTITIONS = (0, 1)


class Kafka:
    """The journal, the ledger, and the group's offsets; judges every transaction that is committed."""

    def __init__(self) -> None:
        self.journal: dict[int, list[Entry]] = {number: [] for number in PARTITIONS}
        self.rows: dict[int, dict[int, bytes]] = {number: {} for number in PARTITIONS}
        self.letters: set[tuple[int, int]] = set()
        self.offsets: dict[int, int] = dict.fromkeys(PARTITIONS, 0)
        self.rejects = False

    def open(self) -> None:
        """Nothing is to be opened."""

    def write(self, messages: list[OutgoingMessage], offsets: list[TopicPartition], metadata: Any) -> None:
        if self.rejects:
            raise NotCommitted("rejected")
        carried = {one.partition for one in offsets}
        for message in messages:
            assert message.partition in carried, "a row without its partition's offset"
            if message.topic == TOPICS.dead_letters:
                number, _, offset = (message.key or b"").partition(b"/")
                self.letters.add((int(number), int(offset)))
            elif message.value is None:
                self.rows[message.partition].pop(int(message.key or b""), None)
            else:
                self.rows[message.partition][int(message.key or b"")] = message.value
        for one in offsets:
            assert one.offset >= self.offsets[one.partition], "the group's offset went back"
            self.offsets[one.partition] = one.offset
            for entry in self.journal[one.partition][: one.offset]:
                assert self.has_outcome(entry), f"committed past entry {entry.raw.offset} of {one.partition}"

    def has_outcome(self, entry: Entry) -> bool:
        value = self.rows[entry.raw.partition].get(entry.record.order_id)
        row = CODEC.decode(value, Delivery) if value is not None else None
        if row is None:
            return False
        # an intent keeps the offset of the outcome before it
        buried = row.outcome is not Outcome.DEAD or (entry.raw.partition, row.journal_offset) in self.letters
        return buried and row.journal_offset >= entry.raw.offset


class Neighbours:
    """Source, enrich, deliver, restore and operator, as far as the pipeline sees them."""

    def __init__(self, kafka: Kafka, ledger: Ledger) -> None:
        self.kafka, self.ledger = kafka, ledger
        self.next: dict[int, int] = {}  # open partitions: what is taken next
        self.jobs: list[Job] = []  # read and delivered here, until the test ends them
        self.intended: list[Intent] = []  # acknowledged
        self.out: deque[Any] = deque()
        self.numbers: set[int] = set()
        self.rules, self.may_take, self.paused, self.at_end = RuleSettings(location="sklep"), True, False, False
        self.room, self.in_flight, self.held = 10, 0, False
        self.breaker = SimpleNamespace(proven=True)

    # restore

    @property
    def loading(self) -> bool:
        return bool(self.numbers)

    def begin(self, partitions: set[int], now: float) -> None:
        self.numbers |= partitions

    def drop(self, partitions: set[int]) -> None:
        self.numbers -= partitions
        for number in partitions:
            self.ledger.drop(number)

    def restored(self) -> Iterator[Partition]:
        for number in sorted(self.numbers):
            self.ledger.open(number)
            self.ledger.load(number, self.kafka.rows[number].items())
            yield Partition(number, "T", 0.0, self.kafka.offsets[number], Progress("T"))
        self.numbers.clear()

    # source

    def open(self, partition: Partition) -> bool:
        self.next[partition.number] = partition.position
        return True

    def pause(self, partitions: set[int]) -> None:
        """Nothing comes by itself."""

    def taken(self, room: int) -> Iterator[Entry]:
        for number in list(self.next):
            while room > 0 and self.next[number] < len(self.kafka.journal[number]):
                entry = self.kafka.journal[number][self.next[number]]
                self.next[number] += 1
                room -= 1
                yield entry

    # enrich and deliver

    def assign(self, partition: Partition) -> None:
        """Nothing is kept of it."""

    def use(self, rules: RuleSettings) -> None:
        """The rules are not changed here."""

    def submit(self, job: Job) -> None:
        assert all(job.order_id != other.order_id for other in self.jobs), "two unfinished jobs of one order"
        self.jobs.append(job)

    def hand_on(self) -> Iterator[Any]:
        while self.out:
            yield self.out.popleft()

    def acknowledged(self, intent: Intent, began: float) -> None:
        self.intended.append(intent)

    def busy(self, partitions: set[int]) -> bool:
        return False

    def give_up(self, partitions: set[int]) -> None:
        self.jobs = [job for job in self.jobs if job.partition not in partitions]
        self.out = deque(one for one in self.out if one.job.partition not in partitions)

    def operate(self, now: float) -> None:
        """Nobody changes anything."""


class Life(RuleBasedStateMachine):
    """A member of the group on a simulated clock; a transaction ends when the test says so."""

    @initialize()
    def begin(self) -> None:
        self.now, self.kafka = 1000.0, Kafka()
        self.join()

    def join(self) -> None:
        ledger = Ledger(CODEC)
        near = self.near = Neighbours(self.kafka, ledger)
        self.stack = ExitStack()
        self.threads = self.stack.enter_context(by_hand("processor.commit.stage"))
        self.commit = Commit(self.kafka, lambda: None, TOPICS, CODEC, Refusals(Health()))
        source = SimpleNamespace(
            open=near.open, pause=near.pause, at_end=False, close=lambda: None,
            poll=lambda now, room, seconds: near.taken(room),
            revoke=lambda partitions: [near.next.pop(number, None) for number in partitions],
        )  # fmt: skip
        enrich = SimpleNamespace(
            room=10, breaker=near.breaker, assign=near.assign, use=near.use, submit=near.submit, close=lambda: None,
            poll=lambda now: iter(()), revoke=lambda partitions: None,
        )  # fmt: skip
        deliver = SimpleNamespace(
            room=10, in_flight=0, held=False, breaker=near.breaker, busy=near.busy, close=lambda: None,
            poll=lambda now: near.hand_on(), join=lambda now, seconds: near.hand_on(), intended=near.acknowledged,
            revoke=near.give_up, lose=near.give_up,
        )  # fmt: skip
        restore = SimpleNamespace(
            begin=near.begin, drop=near.drop, poll=lambda now: near.restored(), numbers=near.numbers, loading=False
        )
        operator = SimpleNamespace(
            rules=near.rules, may_take=True, paused=False, poll=near.operate, report=lambda: None
        )
        record = Record(DeadLetterBreaker(10**6), CODEC, Metrics(), TOPICS.journal)
        self.coalesce = Coalesce(ledger, 39.0)
        stages: Any = (source, self.coalesce, enrich, deliver, record, self.commit)
        pipeline = Pipeline(Stages(*stages), Judge(b"secret"), operator.rules)
        self.partitions = Partitions(pipeline, restore, 3.0, self.tick)  # type: ignore[arg-type]
        self.flow = Flow(pipeline, self.partitions, operator, lambda: self.now)  # type: ignore[arg-type]
        self.partitions.assigned(set(PARTITIONS))

    def tick(self) -> float:
        """Time passes where something is waited for: a transaction under way ends meanwhile."""
        self.now += 1.0
        self.threads.run_all()
        return self.now

    @rule(orders=st.lists(st.integers(1, 4), min_size=1, max_size=3), log_type=st.sampled_from([1, 11]))
    def entries_are_published(self, orders: list[int], log_type: int) -> None:
        for order in orders:
            number = order % 2
            lane = self.kafka.journal[number]
            record = JournalEntry(len(lane) + 100, log_type, order, None, NOW, Origin.JOURNAL)
            lane.append(Entry(Raw(number, len(lane), str(order).encode(), b"", ()), record, False))

    @rule(seconds=st.sampled_from([0.01, LINGER_SECONDS * 2, COMMIT_SECONDS * 2, HOLD_SECONDS * 2]))
    def a_turn(self, seconds: float) -> None:
        self.now += seconds
        self.flow.turn(self.now)

    @rule()
    def two_slow_turns(self) -> None:
        self.a_turn(HOLD_SECONDS * 2)
        self.a_turn(HOLD_SECONDS * 2)

    @precondition(lambda self: self.near.jobs)
    @rule(data=st.data(), outcome=st.sampled_from([Outcome.DELIVERED, Outcome.SKIPPED, Outcome.DEAD]))
    def a_job_ends(self, data: st.DataObject, outcome: Outcome) -> None:
        job = self.near.jobs.pop(data.draw(st.integers(0, len(self.near.jobs) - 1)))
        self.near.out.append(Ending(job, outcome, "some reason", attempts=1))

    @precondition(lambda self: self.near.jobs)
    @rule(data=st.data())
    def a_purchase_is_about_to_be_created(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(self.near.jobs))
        self.near.out.append(Intent(job, "c1", None))

    @rule(rejected=st.booleans())
    def a_transaction_ends(self, rejected: bool) -> None:
        self.kafka.rejects = rejected
        self.threads.run_all()
        self.kafka.rejects = False
        self.a_turn(0.01)

    @rule(
        partitions=st.sets(st.sampled_from(PARTITIONS), min_size=1),
        what=st.sampled_from(["revoked", "lost", "given up for a moment", "killed"]),
        rejects=st.booleans(),
    )
    def partitions_are(self, partitions: set[int], what: str, rejects: bool) -> None:
        self.kafka.rejects = rejects
        if what == "revoked":
            self.partitions.revoked(partitions)
            self.partitions.assigned(partitions)
        elif what == "lost":
            self.partitions.lost(partitions)
            self.partitions.assigned(partitions)
        elif what == "given up for a moment":
            self.partitions.restart()
        else:
            self.leave()
            self.join()
        self.kafka.rejects = False

    def every_entry_gets_its_outcome(self) -> None:
        entries = [entry for lane in self.kafka.journal.values() for entry in lane]
        for _ in range(20 + 3 * len(entries)):
            for job in self.near.jobs:
                self.near.out.append(Ending(job, Outcome.SKIPPED, "no_email"))
            self.near.jobs = []
            self.a_turn(HOLD_SECONDS * 2)
            self.threads.run_all()
            if self.kafka.offsets == {number: len(lane) for number, lane in self.kafka.journal.items()}:
                break
        self.a_turn(0.01)
        assert all(self.kafka.has_outcome(entry) for entry in entries)
        assert self.kafka.offsets == {number: len(lane) for number, lane in self.kafka.journal.items()}
        assert self.flow.idle

    def leave(self) -> None:
        self.coalesce.close()
        self.stack.close()

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            try:
                self.every_entry_gets_its_outcome()
            finally:
                self.leave()


Life.TestCase.settings = settings(max_examples=cases(100, 2000), stateful_step_count=40, deadline=None)
TestLife = Life.TestCase
