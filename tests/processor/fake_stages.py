"""Stages that hand on what a test gives them, and note what they are asked, in order."""

from collections import deque
from collections.abc import Iterator
from typing import Any

from processor.control.flow import Flow
from processor.decide.judge import Judge
from processor.decide.rules import RuleSettings
from processor.ending import Ending
from processor.job import Job
from processor.partition import Partition
from processor.partitions import Partitions
from processor.pipeline import Pipeline
from processor.stages import Stages
from processor.values import Intent, Recorded
from schemas.progress import Progress
from schemas.records import Delivery, Outcome
from tests.processor.entries import entry, row

RULES = RuleSettings(location="sklep")
JOIN_SECONDS = 25.0
ENTRY = entry(1)
RAW = ENTRY.raw
JOB = Job(7, 0, (ENTRY,), None)
INTENT = Intent(JOB, "c1", object())
ROW = row()
ENDED = Ending(JOB, Outcome.SKIPPED, "no_email")
RECORDED = Recorded((RAW,), 0, JOB, ROW, b"row", settle_until=5.0)


def ready(number: int) -> Partition:
    return Partition(number, "T", 0.0, 0, Progress("T"))


class Fake:
    """A stage: hands on what the test gives it, and notes what it is asked in the place's list."""

    def __init__(self, name: str, asked: list[Any]) -> None:
        self.name, self.asked = name, asked
        self.out: deque[Any] = deque()

    def note(self, what: str, *given: Any) -> None:
        self.asked.append((f"{self.name}.{what}", *given))

    def hand_on(self) -> Iterator[Any]:
        while self.out:
            yield self.out.popleft()

    def assign(self, partition: Partition) -> None:
        self.note("assign", partition.number)

    def submit(self, item: Any) -> None:
        self.note("submit", item)

    def revoke(self, partitions: set[int]) -> None:
        self.note("revoke", sorted(partitions))

    def lose(self, partitions: set[int]) -> None:
        self.note("lose", sorted(partitions))

    def close(self) -> None:
        self.note("close")


class FakeSource(Fake):
    at_end = True
    opens = True
    rooms: list[int]
    waits: list[float]

    def open(self, partition: Partition) -> bool:
        self.note("open", partition.number)
        return self.opens

    def pause(self, partitions: set[int]) -> None:
        self.note("pause", sorted(partitions))

    def poll(self, now: float, room: int, seconds: float) -> Iterator[Any]:
        self.rooms, self.waits = [*getattr(self, "rooms", []), room], [*getattr(self, "waits", []), seconds]
        return self.hand_on()


class FakeCoalesce(Fake):
    room, unfinished = 1500, 0
    row: tuple[Job, Delivery | None] | None = None

    def poll(self, now: float, room: int) -> Iterator[Any]:
        return self.hand_on()

    def finished(self, job: Job, delivery: Delivery, value: bytes, settle_until: float) -> None:
        self.note("finished", job, delivery, value, settle_until)

    def stored(self, partition: int, order_id: int, value: bytes) -> None:
        self.note("stored", partition, order_id, value)

    def forget(self, job: Job) -> None:
        self.note("forget", job)

    def unfinished_row(self) -> tuple[Job, Delivery | None] | None:
        return self.row


class FakeEnrich(Fake):
    room = 500

    def __init__(self, name: str, asked: list[Any]) -> None:
        super().__init__(name, asked)
        self.breaker: Any = type("Breaker", (), {"proven": True})()

    def use(self, rules: RuleSettings) -> None:
        self.note("use", rules)

    def poll(self, now: float) -> Iterator[Any]:
        return self.hand_on()


class FakeDeliver(Fake):
    """`busy_for` = as many joins until no call is under way; `joined` = what the last of them hands on."""

    room, in_flight, held, busy_for = 500, 0, False, 0

    def __init__(self, name: str, asked: list[Any]) -> None:
        super().__init__(name, asked)
        self.joined: list[Any] = []

    def intended(self, intent: Intent, began: float) -> None:
        self.note("intended", intent, began)

    def poll(self, now: float) -> Iterator[Any]:
        return self.hand_on()

    def join(self, now: float, seconds: float) -> Iterator[Any]:
        if seconds > 0.01:
            self.note("join")
            self.busy_for -= 1
            if self.busy_for == 0:
                yield from self.joined

    def busy(self, partitions: set[int]) -> bool:
        return self.busy_for > 0


class FakeRecord(Fake):
    held = held_jobs = 0
    idle, changed = False, False

    def __init__(self, name: str, asked: list[Any]) -> None:
        super().__init__(name, asked)
        self.breaker: Any = type("Breaker", (), {"open": False})()
        self.trials: deque[bool] = deque()

    def take_change(self) -> bool:
        changed, self.changed = self.changed, False
        return changed

    def try_one(self, now: float, idle: bool) -> bool:
        self.note("try_one", idle)
        return self.trials.popleft()

    def poll(self, now: float) -> Iterator[Any]:
        return self.hand_on()


class FakeCommit(Fake):
    """`flushes` = as many polls until everything handed in is in Kafka."""

    doubted, flushes = False, 0

    def __init__(self, name: str, asked: list[Any]) -> None:
        super().__init__(name, asked)
        self.partitions: set[int] = set()
        self.open_entries = 0

    def unfinished(self, partition: int) -> int:
        return self.open_entries

    @property
    def idle(self) -> bool:
        return self.flushes <= 0

    def assign(self, partition: Partition) -> None:
        super().assign(partition)
        self.partitions.add(partition.number)

    def lose(self, partitions: set[int]) -> None:
        super().lose(partitions)
        self.partitions -= partitions

    def start(self, raw: Any) -> None:
        self.note("start", raw)

    def rewrite(self, job: Job, delivery: Delivery | None) -> None:
        self.note("rewrite", job, delivery)

    def poll(self, now: float, at_once: bool = False) -> Iterator[Any]:
        if at_once:
            self.note("flush")
            self.flushes -= 1
        return self.hand_on()

    def join(self, seconds: float) -> None:
        """Nothing is really under way."""


class FakeRestore(Fake):
    def __init__(self, name: str, asked: list[Any]) -> None:
        super().__init__(name, asked)
        self.numbers: set[int] = set()

    @property
    def loading(self) -> bool:
        return bool(self.numbers)

    def begin(self, partitions: set[int], now: float) -> None:
        self.note("begin", sorted(partitions))
        self.numbers |= partitions

    def drop(self, partitions: set[int]) -> None:
        self.note("drop", sorted(partitions))
        self.numbers -= partitions

    def poll(self, now: float) -> Iterator[Partition]:
        while self.out:
            partition = self.out.popleft()
            self.numbers -= {partition.number}
            yield partition


class FakeOperator:
    paused, known = False, True

    def __init__(self) -> None:
        self.rules = RULES

    @property
    def may_take(self) -> bool:
        return self.known and not self.paused

    def poll(self, now: float) -> None:
        """What was saved is set by the test."""

    def report(self) -> None:
        """Nobody looks."""


class Place:
    """A pipeline of fakes; time passes by a second at each look at the clock."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.now = 1000.0
        self.source, self.coalesce = FakeSource("source", self.asked), FakeCoalesce("coalesce", self.asked)
        self.enrich, self.deliver = FakeEnrich("enrich", self.asked), FakeDeliver("deliver", self.asked)
        self.record, self.commit = FakeRecord("record", self.asked), FakeCommit("commit", self.asked)
        self.restore, self.operator = FakeRestore("restore", self.asked), FakeOperator()
        stages: Any = (self.source, self.coalesce, self.enrich, self.deliver, self.record, self.commit)
        restore: Any = self.restore
        operator: Any = self.operator
        self.stages = Stages(*stages)
        pipeline = Pipeline(self.stages, Judge(b"secret"), operator.rules)
        self.partitions = Partitions(pipeline, restore, JOIN_SECONDS, self.tick)
        self.flow = Flow(pipeline, self.partitions, operator, self.tick)

    def tick(self) -> float:
        self.now += 1.0
        return self.now

    def turn(self) -> None:
        self.flow.turn(self.tick())

    def owns(self, *numbers: int) -> None:
        """Partitions that are worked on."""
        self.restore.out.extend(ready(number) for number in numbers)
        self.turn()
        self.asked.clear()

    def names(self) -> list[str]:
        return [one[0] for one in self.asked]

    def room(self) -> int:
        self.turn()
        return self.source.rooms[-1]


REVOKED = [  # what the stages are asked, in order, when partitions 0 and 1 are revoked
    ("source.revoke", [0, 1]),
    ("coalesce.revoke", [0, 1]),
    ("enrich.revoke", [0, 1]),
    ("record.revoke", [0, 1]),
    ("deliver.revoke", [0, 1]),
]
LOST = [  # and when they are lost, or were revoked
    ("source.revoke", [0, 1]),
    ("coalesce.revoke", [0, 1]),
    ("enrich.revoke", [0, 1]),
    ("deliver.lose", [0, 1]),
    ("record.lose", [0, 1]),
    ("commit.lose", [0, 1]),
    ("restore.drop", [0, 1]),
]
AGAIN = [*REVOKED, ("deliver.revoke", [0, 1]), *LOST]
