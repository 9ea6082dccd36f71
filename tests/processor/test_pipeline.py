"""Each value goes to the stage that follows, and an order's outcome back to coalesce."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from processor.decide.judge import Decided
from processor.decide.rules import Enriched
from processor.ending import Ending
from processor.values import Acknowledged, Dropped, Passed, Read, Recorded, Released, Undecodable
from schemas.records import Outcome
from tests.processor.fake_stages import ENDED, ENTRY, INTENT, JOB, RAW, RECORDED, ROW, Place
from tests.processor.shop import an_order


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
LETTER = Recorded((RAW,), 1)
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
