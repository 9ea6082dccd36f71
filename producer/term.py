"""One term of leadership: the journal at every poll, and between the polls the due sweep, one page at a time."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from clients import JournalLog, Order
from producer.clock import Clock
from producer.journal.reader import LOG_TYPES, Drain
from producer.journal.silence import Silence
from producer.journal.writer import Writer
from producer.options import Plan
from producer.sweep.schedule import Wanted, due, swept
from producer.sweep.sweep import Remembered, Sweep
from runtime.logging import get_logger
from schemas.progress import Gap
from schemas.records import JournalEntry

T = TypeVar("T")
SETTLED_PASS, TOPICS_CHECK = timedelta(minutes=1), timedelta(seconds=10)

log = get_logger(__name__)


class Api(Protocol):
    """The two calls of BaseLinker that are needed."""

    def journal(self, last_log_id: int | None, log_types: Sequence[int]) -> list[JournalLog]:
        """Return entries from a log id on."""

    def orders(self, *, confirmed_from: datetime, id_from: int | None) -> list[Order]:
        """Return at most 100 confirmed orders from a time on, and from an id on."""


class Asks(Protocol):
    """Runs a call while the group membership is kept."""

    def __call__(self, call: Callable[[], T]) -> T:
        """Return the call's answer, or raise what it raises."""


class Poll:
    """`looked_at` = the last complete look at the journal, in this term."""

    def __init__(
        self,
        api: Api,
        ask: Asks,
        writer: Writer,
        plan: Plan,
        silence: Silence,
        remembered: Remembered,
        told_gaps: Callable[[int], list[Gap]],
        check: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._api, self._ask, self._writer, self._plan = api, ask, writer, plan
        self._silence, self._remembered = silence, remembered
        self._told_gaps, self._check, self._clock = told_gaps, check, clock
        self._drain = Drain(lambda at: ask(lambda: api.journal(at, LOG_TYPES)), writer, clock, silence.named)
        self._told: list[Gap] = []
        self._passed_at: datetime | None = None  # as the steady clock tells
        self._checked_at: datetime | None = None
        self._polled_at: datetime | None = None
        self._sweep: Sweep | None = None
        self._taken: tuple[list[Order], list[JournalEntry]] | None = None  # a page that is not published yet
        self.looked_at: datetime | None = None

    def turn(self) -> timedelta:
        """Look at the journal if that is due, then advance the sweep by a page; return how long nothing is to do."""
        steady = self._clock.steady()
        if self._polled_at is None or steady - self._polled_at >= self._plan.poll:
            self._look()
        if self._sweep_page():
            return timedelta(0)
        return max(timedelta(0), (self._polled_at or steady) + self._plan.poll - self._clock.steady())

    def catch_up(self) -> None:
        """Look at the whole journal once, and finish every sweep that is due."""
        self._passed_at = None
        self._look()
        while self._sweep_page():
            pass

    def _look(self) -> None:
        now, steady = self._clock.now(), self._clock.steady()
        if self._checked_at is None or steady - self._checked_at >= TOPICS_CHECK:
            self._check()
            self._checked_at = steady
        if self._passed_at is None or steady - self._passed_at >= SETTLED_PASS:
            self._told = self._ask(lambda: self._told_gaps(self._writer.cursor.journal_partitions))
            self._drain.whole()
            self._passed_at = steady
        else:
            self._drain.news()
        if self.looked_at is None:
            self._silence.watch(self._clock.latest())
        # a look before which no answer had come knew our own clock only
        self.looked_at, self._polled_at = min(now, self._clock.now()), steady
        self._clock.warn()

    def _sweep_page(self) -> bool:
        """Publish the next page of the sweep under way or due; False = there is none."""
        now = self._clock.now()
        if self._sweep is None:
            wanted = due(self._writer.cursor, self._plan, now, self._told, self._clock.ahead())
            if wanted is None:
                return False
            _alarm(wanted)
            self._sweep = Sweep(wanted, now)
        sweep, paging = self._sweep, self._sweep.paging
        if self._taken is None:
            page = self._ask(lambda: self._api.orders(confirmed_from=paging.confirmed_from, id_from=paging.id_from))
            self._taken = page, sweep.entries(page, self._remembered)
        page, entries = self._taken  # of the turn before, where that one could not publish them
        cursor = self._writer.cursor
        if paging.done:
            cursor = swept(cursor, sweep.wanted, sweep.started, self.looked_at or cursor.read_at)
        if entries or paging.done:
            self._writer.write(entries, cursor)
        self._taken = None
        self._remembered.add(entries)
        if sweep.wanted.first_look and entries:
            self._silence.empty()
        self._silence.judge(page, sweep.started)
        if paging.done:
            log.info("swept", orders=sweep.count, since=sweep.wanted.since.isoformat())
            self._sweep = None
        return True


def _alarm(wanted: Wanted) -> None:
    since = wanted.since.isoformat()
    if wanted.unread:
        log.error("journal gap: entries may be gone before they were read; closing it by orders' dates", since=since)
    if wanted.gap_ids:
        log.error(
            "journal gap: entries expired before a processor read them; closing it by orders' dates",
            gaps=list(wanted.gap_ids),
            since=since,
        )
    if wanted.first_look:
        log.info("the journal is empty: looking whether there are orders", since=since)
