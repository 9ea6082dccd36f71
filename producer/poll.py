"""The leader's work: drain the journal, ask again from the settled id, sweep; everything published with its cursor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from clients import BaseLinker, JournalLog
from producer.cursor import advance, first_cursor, new_logs, top
from producer.leader import Leader
from producer.publish import NotPublished, Publisher
from producer.sweep import confirmed_since
from runtime.logging import get_logger
from runtime.metrics import Metrics
from schemas.records import Cursor, JournalEntry, Origin

LOG_TYPES = (1, 2, 11, 16)
CONFIRMED = 2
SETTLED_PASS = timedelta(minutes=1)
JOURNAL_KEEPS = timedelta(days=3)
SWEEP_OVERLAP = timedelta(hours=1)

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the shop set."""

    start_from: str
    poll: timedelta
    sweep: timedelta | None
    partitions: int


class Poll:
    """One term of leadership: from the cursor row on."""

    def __init__(
        self,
        api: BaseLinker,
        leader: Leader,
        publisher: Publisher,
        cursor: Cursor | None,
        plan: Plan,
        metrics: Metrics,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api, self._leader, self._publisher, self._plan = api, leader, publisher, plan
        self._metrics, self._now = metrics, now
        self._dates: dict[int, datetime] = {}
        self._largest_page = 1
        self._named_since_sweep = 0
        self._settled_pass_at: datetime | None = None
        self._first_sweep_from: datetime | None = None
        self._cursor = cursor or self._first()
        for log_id in self._cursor.recent_log_ids:
            self._dates[log_id] = now()

    def run_once(self, thorough: bool = False) -> None:
        """Poll, and make the settled pass and the sweep when they are due; thorough = from the settled id on."""
        started = self._now()
        self._mind_gap(started)
        due = self._settled_pass_at is None or started - self._settled_pass_at >= SETTLED_PASS
        if thorough or due:
            self._drain(self._cursor.settled_log_id, whole=True)
            self._settled_pass_at = started
        else:
            self._drain(top(self._cursor), whole=False)
        self._metrics.journal_lag.set(0)
        if self._plan.sweep is not None and self._cursor.swept_to is not None:
            if started - self._cursor.swept_to >= self._plan.sweep:
                since = self._first_sweep_from or self._cursor.swept_to - SWEEP_OVERLAP
                self._sweep(since, started)

    def _first(self) -> Cursor:
        """A first start: from the journal's beginning, or from its present end without publishing what lies before."""
        now = self._now()
        cursor = first_cursor(now, self._plan.partitions)
        if self._plan.start_from == "latest":
            at = 0
            while True:
                highest = max((row.log_id for row in self._page(at)), default=at)
                if highest <= at:
                    break
                at = highest
            cursor = first_cursor(now, self._plan.partitions, settled=at)
            log.info("first start: from the journal's present end", log_id=at)
        self._first_sweep_from = now
        self._publish([], cursor)
        return cursor

    def _drain(self, start: int, whole: bool) -> None:
        """Ask page by page until one does not lead on; a short page ends it early where more would only cost."""
        at = start
        while True:
            page = self._page(at)
            fresh = new_logs(self._cursor, page)
            if fresh or not page or at == start:
                self._take(fresh)
            highest = max((row.log_id for row in page), default=at)
            full = len(page) >= self._largest_page
            self._largest_page = max(self._largest_page, len(page))
            if highest == at and len(page) == self._largest_page == 1:
                at += 1  # pages of one entry that hold the asked id itself would never lead on
                continue
            if highest <= at or (not whole and not full):
                return
            at = highest

    def _page(self, at: int) -> list[JournalLog]:
        return self._leader.ask(lambda: self._api.journal(at, LOG_TYPES))

    def _take(self, logs: Sequence[JournalLog]) -> None:
        now = self._now()
        wanted = [row for row in logs if row.log_type in LOG_TYPES and row.log_id > 0]
        for row in wanted:
            self._dates[row.log_id] = row.date or now
        entries = []
        for row in wanted:
            if row.order_id <= 0:
                log.warning("a journal entry without an order id is left out", log_id=row.log_id)
                continue
            entries.append(
                JournalEntry(row.log_id, row.log_type, row.order_id, row.object_id, row.date or now, Origin.JOURNAL)
            )
        cursor = advance(self._cursor, [row.log_id for row in wanted], self._dates, now)
        moved = (cursor.settled_log_id, cursor.recent_log_ids) != (
            self._cursor.settled_log_id,
            self._cursor.recent_log_ids,
        )
        if entries or moved or now - self._cursor.read_at >= timedelta(minutes=10):
            self._publish(entries, cursor)
            self._dates = {log_id: self._dates.get(log_id, now) for log_id in cursor.recent_log_ids}
        self._named_since_sweep += len(entries)

    def _sweep(self, since: datetime, started: datetime) -> None:
        """Publish the confirmed orders since then; the mark moves only when all pages are through."""
        count = 0
        marks = self._cursor
        for page in confirmed_since(
            lambda confirmed_from: self._leader.ask(lambda: self._api.orders(confirmed_from=confirmed_from)), since
        ):
            entries = [
                JournalEntry(0, CONFIRMED, order.order_id, None, order.date_confirmed or started, Origin.BACKFILL)
                for order in page
                if order.confirmed
            ]
            self._publish(entries, marks)
            count += len(entries)
        self._publish([], replace(marks, swept_to=started))
        self._first_sweep_from = None
        log.info("swept", orders=count, since=since.isoformat())
        if count and not self._named_since_sweep:
            log.error(
                "the journal names nothing although orders are confirmed: is it switched on? BaseLinker → My account →"
                " API. Until then orders arrive by the sweep only",
                orders=count,
            )
        self._named_since_sweep = 0

    def _mind_gap(self, now: datetime) -> None:
        behind = now - self._cursor.read_at
        if behind < JOURNAL_KEEPS:
            return
        log.error(
            "journal gap: it was not read for longer than it keeps entries; closing it from the orders by date",
            days=round(behind / timedelta(days=1), 1),
        )
        self._sweep(self._cursor.read_at - SWEEP_OVERLAP, now)
        self._publish([], replace(self._cursor, read_at=now))

    def _publish(self, entries: Sequence[JournalEntry], cursor: Cursor) -> None:
        while True:
            try:
                self._publisher.publish(entries, cursor)
                break
            except NotPublished as error:
                log.warning("Kafka did not take the transaction; trying again", error=str(error))
                self._leader.wait(0.5)
        self._cursor = cursor
        for entry in entries:
            self._metrics.entries.labels(origin=str(entry.origin)).inc()
        if entries:
            log.info("published", entries=len(entries), last_log_id=max(entry.log_id for entry in entries))
