"""What the outside sees: lag of owned partitions alone, readiness with a reason, and the entry that waits longest."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from prometheus_client import generate_latest

from processor.circuit_breaker import CircuitBreaker
from processor.control import report as module
from processor.control.report import ALARM_AGAIN_SECONDS, ALARM_SECONDS, REPORT_SECONDS, Report
from processor.job import Entry
from runtime.health import Health
from runtime.metrics import Metrics
from tests.harness.log_lines import log_lines
from tests.processor.entries import entry


class Place:
    """A report on stages that say what the test says; `unfinished` and `waiting` = entries by partition."""

    def __init__(self) -> None:
        self.now, self.health, self.metrics = 1000.0, Health(), Metrics()
        self.unfinished: dict[int, int] = {}
        self.waiting: dict[int, int] = {}
        self.entries: list[Entry] = []
        self.blocked_until: datetime | None = None
        self.baselinker, self.salesmanago = CircuitBreaker("BaseLinker"), CircuitBreaker("SALESmanago")
        self.deliver: Any = SimpleNamespace(breaker=self.salesmanago, parked=0, retrying=0)
        self.enrich: Any = SimpleNamespace(breaker=self.baselinker, retrying=0)
        self.record: Any = SimpleNamespace(breaker=SimpleNamespace(open=False))
        self.commit: Any = SimpleNamespace(partitions=set(), unfinished=self.unfinished.__getitem__)
        stages: Any = SimpleNamespace(
            source=SimpleNamespace(waiting=self.waiting.__getitem__),
            coalesce=SimpleNamespace(entries=lambda: iter(self.entries)),
            enrich=self.enrich,
            deliver=self.deliver,
            record=self.record,
            commit=self.commit,
        )
        self.report = Report(stages, "t.journal", self.health, self.metrics, lambda: self.blocked_until)

    def owns(self, **counts: tuple[int, int]) -> None:
        """`p0=(2, 5)`: of partition 0, two entries are unfinished and five not taken."""
        self.commit.partitions = {int(name[1:]) for name in counts}
        for name, (unfinished, waiting) in counts.items():
            self.unfinished[int(name[1:])], self.waiting[int(name[1:])] = unfinished, waiting

    def turn(self, seconds: float = REPORT_SECONDS) -> None:
        self.now += seconds
        self.report.turn(self.now)

    def value(self, name: str) -> float:
        found = self.metrics.registry.get_sample_value(name)
        assert found is not None
        return found

    @property
    def lag(self) -> list[str]:
        lines = generate_latest(self.metrics.registry).decode().splitlines()
        return [line for line in lines if "bl2sm_lag_entries{" in line]

    @property
    def not_ready(self) -> dict[str, str]:
        return {name: state for name, state in self.health.ready().items() if state != "ok"}


def aged(offset: int, seconds: float, replayed: bool = False) -> Entry:
    one = entry(offset)
    return replace(one, raw=replace(one.raw, written_at=time.time() - seconds), replayed=replayed)


def test_lag_is_what_has_no_outcome_of_owned_partitions_alone() -> None:
    place = Place()
    place.owns(p0=(2, 5), p1=(0, 0))
    place.turn()
    assert place.lag == ['bl2sm_lag_entries{partition="0"} 7.0', 'bl2sm_lag_entries{partition="1"} 0.0']
    place.owns(p0=(1, 5))
    place.turn()
    assert place.lag == ['bl2sm_lag_entries{partition="0"} 6.0']
    place.report.end()
    assert place.lag == []


def test_it_reports_once_a_second() -> None:
    place = Place()
    place.owns(p0=(1, 0))
    place.turn()
    place.owns(p0=(2, 0))
    place.turn(REPORT_SECONDS / 2)
    assert place.lag == ['bl2sm_lag_entries{partition="0"} 1.0']
    place.turn(REPORT_SECONDS / 2)
    assert place.lag == ['bl2sm_lag_entries{partition="0"} 2.0']


def test_all_is_well_where_nothing_is_said_to_be_wrong() -> None:
    place = Place()
    place.turn()
    assert place.not_ready == {}
    assert place.value("bl2sm_paused") == 0


def test_a_refused_key_is_not_ready_and_counts_as_paused() -> None:
    for name in ("baselinker", "salesmanago"):
        place = Place()
        breaker: CircuitBreaker = getattr(place, name)
        breaker.proven = True
        breaker.stop(place.now, "the key is refused")
        place.turn()
        assert place.not_ready == {breaker.name: "the key is refused"}
        assert place.value("bl2sm_paused") == 1
        breaker.recovered()
        place.turn()
        assert place.not_ready == {}
        assert place.value("bl2sm_paused") == 0


def test_a_block_of_the_token_is_not_ready_until_it_ends() -> None:
    place = Place()
    place.blocked_until = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
    place.baselinker.pushed_back(place.now, 60.0, "blocked for a while")
    place.turn()
    assert place.not_ready == {"BaseLinker": "blocked for a while; waiting until 12:30:00 UTC"}
    assert place.value("bl2sm_paused") == 0
    place.blocked_until = None
    place.turn()
    assert place.not_ready == {}


def test_an_open_breaker_of_dead_letters_is_not_ready_and_counts_as_paused() -> None:
    place = Place()
    place.record.breaker.open = True
    place.turn()
    assert place.not_ready == {"dead letters": "too many dead letters in a row"}
    assert place.value("bl2sm_paused") == 1


def test_orders_that_wait_for_another_try_are_counted_in_both_stages() -> None:
    place = Place()
    place.deliver.parked, place.deliver.retrying, place.enrich.retrying = 3, 2, 4
    place.turn()
    assert place.value("bl2sm_parked_orders") == 3
    assert place.value("bl2sm_retrying_orders") == 6


def test_the_oldest_unfinished_entry_has_its_age() -> None:
    place = Place()
    place.turn()
    assert place.value("bl2sm_oldest_unfinished_seconds") == 0
    place.entries = [aged(1, 60), aged(2, 3600), aged(3, 7200, replayed=True)]
    place.turn()
    assert 3600 <= place.value("bl2sm_oldest_unfinished_seconds") < 7200


def test_an_entry_that_is_replayed_is_not_the_oldest_unfinished_one() -> None:
    """It had its outcome before, whenever it was written."""
    place = Place()
    place.entries = [aged(1, 7200, replayed=True)]
    place.turn()
    assert place.value("bl2sm_oldest_unfinished_seconds") == 0


def test_an_entry_without_an_outcome_for_ten_minutes_is_reported_once_a_minute_with_what_is_wrong() -> None:
    place = Place()
    with log_lines(module) as lines:
        place.entries = [aged(1, ALARM_SECONDS - 60)]
        place.turn()
        assert lines == []
        place.entries = [aged(5, ALARM_SECONDS + 60)]
        place.salesmanago.why = "away"
        place.turn()
        (line,) = lines
        place.turn(ALARM_AGAIN_SECONDS / 2)
        assert len(lines) == 1
        place.turn(ALARM_AGAIN_SECONDS / 2)
        assert len(lines) == 2
    assert line["event"] == "an entry has had no outcome for 10 minutes"
    fields = {"order_id": 7, "log_id": 105, "offset": 5, "salesmanago": "away", "baselinker": "ok"}
    assert line.items() >= fields.items()
