"""How much of each owned partition has no outcome yet, for the metric; other members tell of the others."""

from processor.consume.source import Intake
from processor.holdings import Holdings
from runtime.metrics import Metrics


class Lag:
    """Sets the gauge of the partitions that are worked on, and takes away those of partitions that are gone."""

    def __init__(self, metrics: Metrics, holdings: Holdings, intake: Intake) -> None:
        self._gauge, self._holdings, self._intake = metrics.lag, holdings, intake
        self._shown: set[int] = set()

    def report(self) -> None:
        """Set it; costs no request to the broker."""
        deferred = [entry.raw.partition for entry in self._holdings.deferred]
        for number, partition in self._holdings.partitions.items():
            unfinished = partition.tracker.unfinished + deferred.count(number)
            self._gauge.labels(partition=str(number)).set(unfinished + self._intake.waiting(number))
        self._remove(self._shown - self._holdings.partitions.keys())
        self._shown = set(self._holdings.partitions)

    def end(self) -> None:
        """Take all away: another member tells of them now."""
        self._remove(self._shown)
        self._shown = set()

    def _remove(self, numbers: set[int]) -> None:
        for number in numbers:
            self._gauge.remove(str(number))
