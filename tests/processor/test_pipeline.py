"""What goes where: values between the stages, and what each stage is asked when partitions come and go."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from processor.control.flow import Flow
from processor.decide.judge import Decided, Judge
from processor.decide.rules import Enriched, RuleSettings
from processor.ending import Ending
from processor.job import Job
from processor.partition import Partition
from processor.partitions import Partitions
from processor.pipeline import Pipeline
from processor.stages import Stages
from processor.values import Acknowledged, Dropped, Intent, Passed, Read, Recorded, Released, Undecodable
from schemas.progress import Progress
from schemas.records import Delivery, Outcome
from tests.processor.entries import entry, row
from tests.processor.shop import an_order

RULES = RuleSettings(location="sklep")
JOIN_SECONDS = 25.0
ENTRY = entry(1)
RAW = ENTRY.raw
JOB = Job(7, 0, (ENTRY,), None)
INTENT = Intent(JOB, "c1", object())
ROW = row()


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


def skipped(asked: list[Any]) -> bool:
    """A job without an order ended without a call."""
    (name, ending) = asked[0]
    return name == "record.submit" and isinstance(ending, Ending) and ending.outcome is Outcome.SKIPPED


def sent(asked: list[Any]) -> bool:
    """The job's order is to be sent, with the purchase."""
    (name, decided) = asked[0]
    return name == "deliver.submit" and isinstance(decided, Decided) and decided.job is JOB


def exactly(*wanted: Any) -> Callable[[list[Any]], bool]:
    return lambda asked: asked == list(wanted)


UNREADABLE = Undecodable(RAW, "undecodable", ValueError("no"))
RECORDED = Recorded((RAW,), 0, JOB, ROW, b"row", settle_until=5.0)
LETTER = Recorded((RAW,), 1)
ENDED = Ending(JOB, Outcome.SKIPPED, "no_email")
ACKNOWLEDGED = Acknowledged(INTENT, 990.0, b"intent")


@pytest.mark.parametrize(
    ("stage", "value", "goes"),
    [
        pytest.param(
            "source", ENTRY, exactly(("commit.start", RAW), ("coalesce.submit", ENTRY)), id="an entry → coalesce"
        ),
        pytest.param(
            "source", UNREADABLE, exactly(("commit.start", RAW), ("record.submit", UNREADABLE)),
            id="an unreadable message → record",
        ),
        pytest.param("coalesce", JOB, exactly(("enrich.submit", JOB)), id="a job → enrich"),
        pytest.param("coalesce", Passed(RAW), exactly(("commit.submit", Passed(RAW))), id="what was done → commit"),
        pytest.param("enrich", Read(JOB, Enriched(an_order(7))), sent, id="an order that is sent → deliver"),
        pytest.param("enrich", Read(JOB, Enriched(None)), skipped, id="an order that is skipped → record"),
        pytest.param("enrich", ENDED, exactly(("record.submit", ENDED)), id="an order that is refused → record"),
        pytest.param("deliver", INTENT, exactly(("commit.submit", INTENT)), id="an intent → commit"),
        pytest.param("deliver", ENDED, exactly(("record.submit", ENDED)), id="an ending → record"),
        pytest.param(
            "deliver", Released(JOB), exactly(("commit.submit", Released(JOB))), id="an intent taken back → commit"
        ),
        pytest.param(
            "record", RECORDED,
            exactly(("commit.submit", RECORDED), ("coalesce.finished", JOB, ROW, b"row", 5.0)),
            id="a row → commit, and the order's next job",
        ),
        pytest.param("record", LETTER, exactly(("commit.submit", LETTER)), id="a dead letter of no order → commit"),
        pytest.param("record", Dropped(JOB), exactly(("coalesce.forget", JOB)), id="a failed trial → coalesce"),
        pytest.param(
            "commit", ACKNOWLEDGED,
            exactly(("coalesce.stored", 0, 7, b"intent"), ("deliver.intended", INTENT, 990.0)),
            id="an intent in Kafka → the ledger, and deliver",
        ),
    ],
)  # fmt: skip
def test_each_value_goes_to_the_stage_that_follows(stage: str, value: Any, goes: Callable[[list[Any]], bool]) -> None:
    place = Place()
    getattr(place, stage).out.append(value)
    place.turn()
    assert goes(place.asked)


def test_a_value_that_nobody_takes_is_an_error_and_no_silence() -> None:
    place = Place()
    place.deliver.out.append("something else")
    with pytest.raises(TypeError, match="str"):
        place.turn()


def test_an_order_goes_all_its_way_in_one_turn_where_nothing_keeps_it() -> None:
    place = Place()
    place.source.out.append(ENTRY)
    place.coalesce.out.append(JOB)
    place.enrich.out.append(Read(JOB, Enriched(an_order(7))))
    place.deliver.out.append(ENDED)
    place.record.out.append(RECORDED)
    place.turn()
    assert place.names() == [
        "commit.start", "coalesce.submit", "enrich.submit", "deliver.submit", "record.submit", "commit.submit",
        "coalesce.finished",
    ]  # fmt: skip


# ---- partitions come and go

REVOKED = [
    ("source.revoke", [0, 1]),
    ("coalesce.revoke", [0, 1]),
    ("enrich.revoke", [0, 1]),
    ("record.revoke", [0, 1]),
    ("deliver.revoke", [0, 1]),
]
LOST = [
    ("source.revoke", [0, 1]),
    ("coalesce.revoke", [0, 1]),
    ("enrich.revoke", [0, 1]),
    ("deliver.lose", [0, 1]),
    ("record.lose", [0, 1]),
    ("commit.lose", [0, 1]),
    ("restore.drop", [0, 1]),
]
AGAIN = [*REVOKED, ("deliver.revoke", [0, 1]), *LOST]


def test_assigned_partitions_are_restored_and_worked_on_once_they_are_ready() -> None:
    place = Place()
    place.partitions.assigned({0, 1})
    assert place.asked == [("restore.begin", [0, 1])]
    assert place.partitions.restoring
    place.asked.clear()
    place.restore.out.append(ready(1))
    place.turn()
    opened = ["source.open", "coalesce.assign", "enrich.assign", "record.assign", "commit.assign"]
    assert place.asked == [(name, 1) for name in opened]
    assert place.partitions.restoring


def test_a_partition_that_the_consumer_does_not_fetch_yet_is_restored_again() -> None:
    place = Place()
    place.source.opens = False
    place.restore.out.append(ready(1))
    place.turn()
    assert place.asked == [("source.open", 1), ("restore.begin", [1])]


def test_revoked_partitions_are_dropped_from_the_source_down_waited_for_and_committed() -> None:
    place = Place()
    place.owns(0, 1)
    place.deliver.busy_for, place.deliver.joined = 2, [ENDED]
    place.record.out.append(RECORDED)
    place.commit.flushes = 2
    place.partitions.revoked({0, 1})
    assert place.asked == [
        *REVOKED,
        ("deliver.join",),
        ("deliver.join",),
        ("record.submit", ENDED),
        ("deliver.revoke", [0, 1]),
        ("commit.submit", RECORDED),
        ("coalesce.finished", JOB, ROW, b"row", 5.0),
        ("commit.flush",),
        ("commit.flush",),
        *LOST,
    ]


def test_calls_and_a_commit_that_do_not_end_are_waited_for_no_longer_than_agreed() -> None:
    place = Place()
    place.owns(0, 1)
    place.deliver.busy_for = place.commit.flushes = 10**6
    place.partitions.revoked({0, 1})
    assert place.names().count("deliver.join") == place.names().count("commit.flush") == int(JOIN_SECONDS)
    assert place.asked[-len(LOST) :] == LOST


def test_the_lease_is_kept_while_calls_are_waited_for() -> None:
    place = Place()
    place.deliver.busy_for = 5
    before = place.now
    place.partitions.revoked({0, 1})
    assert place.now - before >= 5


def test_lost_partitions_are_dropped_without_waiting_or_committing() -> None:
    place = Place()
    place.owns(0, 1)
    place.deliver.busy_for = place.commit.flushes = 3
    place.partitions.lost({0, 1})
    assert place.asked == LOST
    assert place.commit.partitions == set()


@pytest.mark.parametrize("why", ["paused", "opened or closed"])
def test_a_pause_and_a_change_of_the_breaker_give_all_work_up_and_restore_it(why: str) -> None:
    """The partitions stay this member's: their entries come again from the committed offsets."""
    place = Place()
    place.owns(0)
    place.partitions.assigned({1})
    place.asked.clear()
    if why == "paused":
        place.operator.paused = True
    else:
        place.record.changed = True
    place.turn()
    assert place.asked == [("source.pause", [0, 1]), *AGAIN, ("restore.begin", [0, 1])]
    place.asked.clear()
    place.turn()
    assert place.asked == [], "once is enough"


def test_a_pause_goes_through_once_each_time() -> None:
    place = Place()
    for _ in range(2):
        place.operator.paused = True
        place.turn()
        place.turn()
        assert place.names().count("source.pause") == 1
        place.operator.paused = False
        place.turn()
        place.asked.clear()


def test_leaving_ends_what_asks_the_consumer_and_closing_waits_for_calls_before_files_go() -> None:
    place = Place()
    place.partitions.leave()
    assert place.names() == ["restore.close", "source.close"]
    place.asked.clear()
    place.stages.close()
    assert place.names() == ["deliver.close", "enrich.close", "commit.close", "coalesce.close"]


# ---- how much is taken


def test_no_more_is_taken_than_coalesce_and_the_retries_of_deliver_have_room_for() -> None:
    place = Place()
    assert place.room() == 500
    place.coalesce.room = 20
    assert place.room() == 20
    place.deliver.room = 7
    assert place.room() == 7
    place.deliver.room = -3
    assert place.room() == 0


@pytest.mark.parametrize(("paused", "known"), [(True, True), (False, False), (True, False)])
def test_nothing_is_taken_while_paused_or_before_it_is_known_what_was_saved(paused: bool, known: bool) -> None:
    place = Place()
    place.operator.paused, place.operator.known = paused, known
    place.record.breaker.open = True
    place.record.trials.extend([True] * 2)
    assert place.room() == 0


def test_while_the_breaker_is_open_one_order_is_taken_where_it_allows_a_trial() -> None:
    place = Place()
    place.record.breaker.open = True
    place.record.trials.extend([False, True, False])
    assert [place.room() for _ in range(3)] == [0, 1, 0]
    assert ("record.try_one", True) in place.asked
    place.asked.clear()
    place.coalesce.unfinished = 1
    place.record.trials.append(False)
    place.room()
    assert ("record.try_one", False) in place.asked, "the last one has no outcome yet"


@pytest.mark.parametrize(
    ("in_flight", "loading", "unfinished", "flushes", "seconds"),
    [
        (0, False, 0, 0, 0.1),
        (0, False, 1, 0, 0.02),
        (0, False, 0, 1, 0.02),
        (1, False, 1, 1, 0.0),
        (0, True, 0, 0, 0.0),
    ],
)
def test_messages_are_waited_for_where_nothing_else_is_to_do(
    in_flight: int, loading: bool, unfinished: int, flushes: int, seconds: float
) -> None:
    place = Place()
    place.deliver.in_flight, place.coalesce.unfinished, place.commit.flushes = in_flight, unfinished, flushes
    place.restore.numbers = {0} if loading else set()
    place.turn()
    assert place.source.waits == [seconds]


def test_what_follows_a_rebalance_in_the_same_turn_goes_by_the_time_after_it() -> None:
    place = Place()
    at: list[float] = []

    def rebalances(now: float, room: int, seconds: float) -> Iterator[Any]:
        place.now += 30.0
        return iter(())

    def noted(now: float) -> Iterator[Any]:
        at.append(now)
        return iter(())

    place.source.poll = rebalances  # type: ignore[method-assign]
    for stage in (place.enrich, place.deliver, place.record, place.commit):
        stage.poll = noted  # type: ignore[method-assign]
    began = place.now
    place.turn()
    assert min(at) >= began + 30.0


# ---- what the operator and Kafka change


def test_saved_settings_reach_the_reading_and_the_decision() -> None:
    place = Place()
    place.turn()
    assert place.asked == []
    place.operator.rules = RuleSettings(location="sklep", skip_shop_orders=True)
    place.enrich.out.append(Read(JOB, Enriched(an_order(7, order_source="shop"))))
    place.turn()
    assert place.asked[0] == ("enrich.use", place.operator.rules)
    (_, ending) = place.asked[1]
    assert (ending.outcome, ending.reason) == (Outcome.SKIPPED, "shop_order")
    place.asked.clear()
    place.turn()
    assert place.asked == [], "once is enough"


def test_while_rows_are_rejected_nothing_is_sent_and_an_unfinished_row_is_written_to_find_out() -> None:
    place = Place()
    place.commit.doubted = True
    place.turn()
    assert place.deliver.held
    assert place.asked == [], "nothing is unfinished"
    place.coalesce.row = JOB, ROW
    place.turn()
    assert place.asked == [("commit.rewrite", JOB, ROW)]
    place.asked.clear()
    place.commit.flushes = 1
    place.turn()
    assert place.asked == [], "the last one has no answer yet"
    place.commit.doubted = False
    place.turn()
    assert not place.deliver.held


def test_record_knows_whether_all_that_is_left_are_the_dead_letters_that_it_holds() -> None:
    place = Place()
    for held, unfinished, idle in ((0, 0, True), (2, 3, False), (3, 3, True)):
        place.record.held_jobs, place.coalesce.unfinished = held, unfinished
        place.turn()
        assert place.record.idle is idle


@pytest.mark.parametrize(
    ("change", "caught_up"),
    [
        ({}, True),
        ({"source.at_end": False}, False),
        ({"coalesce.unfinished": 1}, False),
        ({"record.held": 1}, False),
        ({"commit.flushes": 1}, False),
        ({"operator.paused": True}, False),
        ({"operator.known": False}, False),
        ({"enrich.breaker.proven": False}, False),
        ({"enrich.breaker.proven": False, "commit.partitions": set()}, True),
    ],
)
def test_it_has_caught_up_once_nothing_of_its_partitions_is_left(change: dict[str, Any], caught_up: bool) -> None:
    place = Place()
    place.owns(0)
    for path, value in change.items():
        *way, name = path.split(".")
        target: Any = place
        for step in way:
            target = getattr(target, step)
        setattr(target, name, value)
    assert place.flow.caught_up is caught_up
