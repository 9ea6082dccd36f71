"""One term of leadership: the journal at every poll, and between the polls the due sweep, one page at a time."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from clients import JournalLog, Order
from producer.drain import LOG_TYPES, Drain
from producer.due import Wanted, due, swept
from producer.plan import Plan
from producer.silence import Silence
from producer.sweep import Remembered, Sweep
from producer.writer import Writer
from runtime.logging import get_logger
from schemas.progress import Gap

T = TypeVar("T")
SETTLED_PASS = timedelta(minutes=1)

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
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api, self._ask, self._writer, self._plan = api, ask, writer, plan
        self._silence, self._remembered = silence, remembered
        self._told_gaps, self._check, self._now = told_gaps, check, now
        self._drain = Drain(lambda at: ask(lambda: api.journal(at, LOG_TYPES)), writer, now, silence.named)
        self._told: list[Gap] = []
        self._passed_at: datetime | None = None
        self._sweep: Sweep | None = None
        self.looked_at: datetime | None = None

    def turn(self) -> timedelta:
        """Look at the journal if that is due, then advance the sweep by a page; return how long nothing is to do."""
        now = self._now()
        if self.looked_at is None or not timedelta(0) <= now - self.looked_at < self._plan.poll:
            self._look(now)
        if self._sweep_page():
            return timedelta(0)
        return max(timedelta(0), (self.looked_at or now) + self._plan.poll - self._now())

    def catch_up(self) -> None:
        """Look at the whole journal once, and finish every sweep that is due."""
        self._passed_at = None
        self._look(self._now())
        while self._sweep_page():
            pass

    def _look(self, now: datetime) -> None:
        if self._passed_at is None or not timedelta(0) <= now - self._passed_at < SETTLED_PASS:
            self._check()
            self._told = self._ask(lambda: self._told_gaps(self._writer.cursor.journal_partitions))
            self._drain.whole()
            self._passed_at = now
        else:
            self._drain.news()
        if self.looked_at is None:
            self._silence.watch(self._now())
        self.looked_at = now

    def _sweep_page(self) -> bool:
        """Publish the next page of the sweep under way or due; False = there is none."""
        now = self._now()
        if self._sweep is None:
            wanted = due(self._writer.cursor, self._plan, now, self._told)
            if wanted is None:
                return False
            _alarm(wanted)
            self._sweep = Sweep(wanted, now)
        sweep, paging = self._sweep, self._sweep.paging
        page = self._ask(lambda: self._api.orders(confirmed_from=paging.confirmed_from, id_from=paging.id_from))
        entries = sweep.entries(page, self._remembered)
        cursor = self._writer.cursor
        if paging.done:
            cursor = swept(cursor, sweep.wanted, sweep.started, self.looked_at or cursor.read_at)
        if entries or paging.done:
            self._writer.write(entries, cursor)
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
