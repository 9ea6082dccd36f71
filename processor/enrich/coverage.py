"""Which ids of the shop were seen lately, one and all: between two of them nothing can hide.

A full window shows every order from its first id to the last that came; what BaseLinker shows under one id shows that
id. Each range is good for some minutes: an order seen unconfirmed may be confirmed without this process reading it.
"""

import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from clients import Order

MOST_RANGES = 1000
COVERED_SECONDS = 900.0
MOST_DELAY = timedelta(hours=1)  # what is dated back further was dated by hand: no measure for the others
_NONE = timedelta()


@dataclass(frozen=True, slots=True)
class _Range:
    """`since`, `until` = dates of its first and last order; `delay` = how far dates go back while ids go on."""

    first: int
    last: int
    at: float
    since: datetime | None
    until: datetime | None
    delay: timedelta


@dataclass(slots=True)
class Coverage:
    """Ranges without overlap, ascending; bounded, the longest unseen go first."""

    clock: Callable[[], float] = time.monotonic
    _ranges: list[_Range] = field(default_factory=list)

    def add(self, first: int, last: int, at: float, orders: Sequence[Order]) -> None:
        """Every order from `first` to `last` is one of `orders`, as they were `at` this time."""
        if last < first:
            return
        dates = [one.date_add for one in sorted(orders, key=lambda one: one.order_id) if one.date_add is not None]
        self.drop(first, last)
        place = bisect_right(self._ranges, first, key=lambda one: one.first)
        since, until = (dates[0], dates[-1]) if dates else (None, None)
        self._ranges.insert(place, _Range(first, last, at, since, until, _delay(dates)))
        if len(self._ranges) > MOST_RANGES:
            del self._ranges[min(range(len(self._ranges)), key=lambda number: self._ranges[number].at)]

    def extend(self, order: Order, at: float) -> None:
        """Add a single order where it lies beside a range; elsewhere it would prove nothing."""
        number = order.order_id
        if not self._holds(number) and (self._holds(number - 1) or self._holds(number + 1)):
            self.add(number, number, at, [order])

    def drop(self, first: int, last: int) -> None:
        """Know nothing of these ids any more."""
        low = self._place(first) if self._holds(first) else bisect_right(self._ranges, first, key=lambda one: one.first)
        high = bisect_right(self._ranges, last, key=lambda one: one.first)
        kept: list[_Range] = []
        for one in self._ranges[low:high]:
            # what is left of a cut range keeps only the border dates that are still its own
            if one.first < first:
                kept.append(replace(one, last=first - 1, until=None))
            if one.last > last:
                kept.append(replace(one, first=last + 1, since=None))
        self._ranges[low:high] = kept

    def end_before(self, order_id: int) -> int | None:
        """Return the last id of the fresh range that ends nearest below this id; None = none, or the id is in one."""
        place = self._place(order_id)
        if place < 0 or self._ranges[place].last >= order_id or not self._fresh(self._ranges[place]):
            return None
        return self._ranges[place].last

    def seen_since(self, first: int, last: int) -> float | None:
        """Return since when every id from `first` to `last` was seen; None where one was not, or not lately."""
        found = self._walk(first, last)
        return None if found is None else min(one.at for one in self._ranges[found[0] : found[1] + 1])

    def proves(self, earlier: int, made_at: datetime, later: int, before: datetime) -> float | None:
        """Return since when no order can hide that is dated between two orders, given by id and date; None = it can.

        Ids grow with the time of adding, dates nearly do: an order brought in late has a later id than its date tells.
        So one with a smaller id than all that was seen might be dated after `made_at` if the earlier order came in
        late, and one with a greater id than all that was seen might be dated before `before`. Neither is believed as
        far as the delays go that were seen in these very ranges: so much older, and newer, must be what lies at the
        borders. A delay of more than an hour beyond the borders (dated by hand) is not foreseen. Where the earlier
        order has the later id, nothing is proved.
        """
        found = self._walk(earlier, later)
        if found is None:
            return None
        low, high = found
        delay = max(one.delay for one in self._ranges[low : high + 1])
        while not self._older(low, made_at, delay):
            if not self._joined(low - 1):
                return None
            low -= 1
            delay = max(delay, self._ranges[low].delay)
        while not self._newer(high, before, delay):
            if not self._joined(high):
                return None
            high += 1
            delay = max(delay, self._ranges[high].delay)
        return min(one.at for one in self._ranges[low : high + 1]) if self._older(low, made_at, delay) else None

    def _older(self, place: int, made_at: datetime, delay: timedelta) -> bool:
        since = self._ranges[place].since
        return since is not None and made_at - since > delay

    def _newer(self, place: int, before: datetime, delay: timedelta) -> bool:
        until = self._ranges[place].until
        return until is not None and until - before >= delay

    def _walk(self, first: int, last: int) -> tuple[int, int] | None:
        """Return the places of the ranges that hold these ids without a gap."""
        low = high = self._place(first)
        if low < 0 or last < first or self._ranges[low].last < first or not self._fresh(self._ranges[low]):
            return None
        while self._ranges[high].last < last:
            if not self._joined(high):
                return None
            high += 1
        return low, high

    def _joined(self, place: int) -> bool:
        """Whether this range and the next one are there, fresh, and nothing lies between."""
        if place < 0 or place + 1 >= len(self._ranges):
            return False
        one, other = self._ranges[place : place + 2]
        return one.last + 1 == other.first and self._fresh(one) and self._fresh(other)

    def _holds(self, order_id: int) -> bool:
        place = self._place(order_id)
        return place >= 0 and self._ranges[place].last >= order_id

    def _place(self, order_id: int) -> int:
        return bisect_right(self._ranges, order_id, key=lambda one: one.first) - 1

    def _fresh(self, one: _Range) -> bool:
        return self.clock() - one.at < COVERED_SECONDS


def _delay(dates: Sequence[datetime]) -> timedelta:
    """Return how far a date lies behind the newest before it, what was dated by hand apart."""
    newest, most = None, _NONE
    for date in dates:
        if newest is not None and newest - date <= MOST_DELAY:
            most = max(most, newest - date)
        newest = date if newest is None else max(newest, date)
    return most
