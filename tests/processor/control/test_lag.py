"""The lag that is told: of what is owned, and of nothing that is not any more."""

from types import SimpleNamespace
from typing import Any

from prometheus_client import generate_latest

from processor.commit.offset_tracker import OffsetTracker
from processor.control.lag import Lag
from processor.holdings import Holdings
from processor.record.dead_letters import Deaths
from runtime.metrics import Metrics


def owned(*offsets: int) -> Any:
    tracker = OffsetTracker(0)
    for offset in offsets:
        tracker.start(offset)
    return SimpleNamespace(tracker=tracker)


def told(metrics: Metrics) -> list[str]:
    return [line for line in generate_latest(metrics.registry).decode().splitlines() if "bl2sm_lag_entries{" in line]


def test_lag_is_what_has_no_outcome_of_owned_partitions_alone() -> None:
    metrics, holdings = Metrics(), Holdings(Deaths(3))
    intake: Any = SimpleNamespace(waiting=lambda number: {0: 5, 1: 0}[number])
    lag = Lag(metrics, holdings, intake)
    holdings.partitions.update({0: owned(1, 2), 1: owned()})
    lag.report()
    assert told(metrics) == ['bl2sm_lag_entries{partition="0"} 7.0', 'bl2sm_lag_entries{partition="1"} 0.0']
    holdings.partitions[0].tracker.done(1)
    holdings.partitions.pop(1)
    lag.report()
    assert told(metrics) == ['bl2sm_lag_entries{partition="0"} 6.0']
    lag.end()
    assert told(metrics) == []
