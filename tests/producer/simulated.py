"""A journal, orders, a topic and a clock in memory; publishing fails or dies as a test wants it."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from clients import JournalLog, Order
from producer.clock import Clock as Clocks
from producer.journal.cursor import first_cursor
from producer.journal.silence import Silence
from producer.journal.writer import JournalWriter, Publishes
from producer.options import Options
from producer.sources import LOG_TYPES
from producer.sweep.sweep import PAGE, Remembered
from producer.term import Term
from runtime.metrics import Metrics
from runtime.topic_identity import TopicIdentity
from runtime.transaction import Fenced, NotCommitted
from schemas.progress import Gap
from schemas.records import Cursor, JournalEntry, Origin

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Killed(Exception):
    """The process is gone."""


@dataclass
class Clock:
    """Moves as a test wants it."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Shop:
    """BaseLinker: entries show up at a time of their own; pages as the switches say."""

    clock: Clock
    logs: list[tuple[JournalLog, datetime]] = field(default_factory=list)
    placed: list[Order] = field(default_factory=list)
    inclusive: bool = True
    page: int = 100
    descending: bool = False
    repeated: int = 1
    by_id: bool = False  # orders come by id where id_from is given, else by date
    shuffled: random.Random | None = None  # in no order, where no id_from is given
    asked: list[str] = field(default_factory=list)
    fails: Iterator[Exception | None] = field(default_factory=lambda: iter(()))

    def _ask(self, method: str) -> None:
        self.asked.append(method)
        if (error := next(self.fails, None)) is not None:
            raise error

    def journal(self, last_log_id: int | None, log_types: Sequence[int]) -> list[JournalLog]:
        self._ask("getJournalList")
        low = last_log_id or 0
        found = sorted(
            (row for row, visible in self.logs if visible <= self.clock.now and row.log_type in log_types),
            key=lambda row: row.log_id,
        )
        found = [row for row in found if (row.log_id >= low if self.inclusive else row.log_id > low)]
        page = [row for row in found for _ in range(self.repeated)][: self.page]
        return page[::-1] if self.descending else page

    def orders(self, *, confirmed_from: datetime, id_from: int | None) -> list[Order]:
        self._ask("getOrders")
        found = [
            order
            for order in self.placed
            if order.date_confirmed is not None
            and confirmed_from <= order.date_confirmed <= self.clock.now
            and order.order_id >= (id_from or 0)
        ]
        by_id = self.by_id and id_from is not None
        found.sort(key=lambda one: (NOW if by_id else one.date_confirmed or NOW, one.order_id))
        if self.shuffled is not None and id_from is None:
            self.shuffled.shuffle(found)
        return found[:PAGE]

    def place(self, order_id: int, confirmed: datetime, added: datetime | None = None) -> None:
        self.placed.append(
            Order(order_id=order_id, confirmed=True, date_confirmed=confirmed, date_add=added or confirmed)
        )

    def log(self, log_id: int, at: datetime, visible: datetime | None = None, order_id: int = 0) -> None:
        self.logs.append((JournalLog(log_id, 1, order_id or log_id * 10, None, at), visible or at))


@dataclass
class Kafka:
    """What is committed; `fails` says what happens to each transaction."""

    entries: list[JournalEntry] = field(default_factory=list)
    cursor: Cursor | None = None
    fails: Iterator[str] = field(default_factory=lambda: iter(()))

    def publish(self, entries: Sequence[JournalEntry], cursor: Cursor) -> None:
        what = next(self.fails, "fine")
        if what == "aborted":
            raise NotCommitted(what)
        if what == "killed before":
            raise Killed
        if what != "unknown, not committed":
            self.entries += entries
            self.cursor = cursor
        if what == "killed after":
            raise Killed
        if what.startswith("unknown"):
            raise Fenced(what)

    def ids(self, origin: Origin) -> list[int]:
        return [one.log_id if origin is Origin.JOURNAL else one.order_id for one in self.entries
                if one.origin is origin]  # fmt: skip


@dataclass
class World:
    """One shop, one topic, and terms of leadership one after the other."""

    options: Options
    clock: Clock = field(default_factory=Clock)
    kafka: Kafka = field(default_factory=Kafka)
    skew: Callable[[datetime], timedelta] = lambda _: timedelta()  # of the program's clock, at a true time
    header: bool = True  # whether BaseLinker sends what time it is
    reported: list[Gap] = field(default_factory=list)  # gaps that processors report
    used: bool = False  # whether the journal topic has ever had an entry
    publisher: Publishes | None = None

    def __post_init__(self) -> None:
        self.shop = Shop(self.clock)
        self.clocks = Clocks(
            lambda: (self.clock.now, self._seconds()) if self.header else None,
            lambda: self.clock.now + self.skew(self.clock.now),
            self._seconds,
        )
        self.begin_process()

    def _seconds(self) -> float:
        return (self.clock.now - NOW).total_seconds()

    def begin_process(self) -> None:
        self.remembered = Remembered()
        self.silence = Silence(min(2 * MINUTE, self.options.sweep or 2 * MINUTE))

    @property
    def silent(self) -> bool:
        return self.silence.silent

    def term(self) -> Term:
        """Begin a term: from the committed cursor, or as at a first start."""
        cursor = self.kafka.cursor
        if cursor is None:
            cursor = self.kafka.cursor = first_cursor(self.clocks.now(), self.options.partitions)
        writer = JournalWriter(self.publisher or self.kafka, cursor, Metrics())
        return Term(self, writer, self.options, self.silence, self.remembered, self.clocks)

    def run(self, term: Term, span: timedelta) -> None:
        """Take turns for a span of time, as the program does; one that Kafka rejected is taken again."""
        until = self.clock.now + span
        while self.clock.now < until:
            try:
                self.clock.now += max(term.turn(), timedelta(seconds=1))
            except NotCommitted:
                continue

    # ---- what a term reads

    def journal(self, log_id: int) -> list[JournalLog]:
        return self.shop.journal(log_id, LOG_TYPES)

    def orders(self, confirmed_from: datetime, id_from: int | None) -> list[Order]:
        return self.shop.orders(confirmed_from=confirmed_from, id_from=id_from)

    def gaps(self, partitions: int) -> list[Gap]:
        return self.reported

    def journal_topic(self, partitions: int) -> TopicIdentity:
        cursor = self.kafka.cursor
        return TopicIdentity("journal", cursor.journal_topic_id if cursor else "here", partitions)

    def journal_has_entries(self, partitions: int) -> bool:
        return self.used


def plan(sweep: timedelta | None = None, start_from: str = "earliest") -> Options:
    return Options(start_from, timedelta(seconds=10), sweep, 6)
