"""One term of leadership: the journal at every poll, and between the polls the due sweep, one page at a time."""

from datetime import datetime, timedelta

from confluent_kafka import KafkaException

from clients import Order
from producer.clock import Clock
from producer.journal.reader import JournalReader
from producer.journal.silence import Silence
from producer.journal.writer import JournalWriter
from producer.options import Options
from producer.sources import Sources
from producer.sweep.schedule import Wanted, due, swept
from producer.sweep.sweep import Remembered, Sweep
from runtime.client_errors import describe
from runtime.logging import get_logger
from schemas.progress import Gap
from schemas.records import JournalEntry

SETTLED_PASS, TOPIC_CHECK = timedelta(minutes=1), timedelta(seconds=10)

log = get_logger(__name__)


class JournalReplaced(Exception):
    """The journal topic was recreated: the term ends, the next one starts over."""


class Term:
    """`silence` and `remembered` outlive it. A turn that failed is simply taken again."""

    def __init__(
        self,
        sources: Sources,
        writer: JournalWriter,
        options: Options,
        silence: Silence,
        remembered: Remembered,
        clock: Clock,
    ) -> None:
        self._sources, self._writer, self._options = sources, writer, options
        self._silence, self._remembered, self._clock = silence, remembered, clock
        self._reader = JournalReader(sources, writer, clock, silence)
        self._gaps: list[Gap] = []
        self._settled_at: datetime | None = None  # these three by the steady clock
        self._checked_at: datetime | None = None
        self._polled_at: datetime | None = None
        self._sweep: Sweep | None = None
        self._page: tuple[list[Order], list[JournalEntry]] | None = None  # of the sweep, not published yet
        self._read_at: datetime | None = None
        self._began_at = writer.cursor.read_at

    @property
    def read_at(self) -> datetime:
        """When the journal was last read to its end, in this term or before."""
        return self._read_at or self._began_at

    def turn(self) -> timedelta:
        """Read the journal if that is due, then advance the sweep by a page; return how long there is nothing to do."""
        steady = self._clock.steady()
        if self._polled_at is None or steady - self._polled_at >= self._options.poll:
            self._read_journal()
        if self._sweep_page():
            return timedelta(0)
        return max(timedelta(0), (self._polled_at or steady) + self._options.poll - self._clock.steady())

    def catch_up(self) -> None:
        """Read the whole journal once, and finish every sweep that is due."""
        self._settled_at = None
        self._read_journal()
        while self._sweep_page():
            pass

    def check_topic(self) -> None:
        """Raise JournalReplaced or TopicProblem when the journal topic is not the cursor's any more."""
        cursor = self._writer.cursor
        try:
            topic = self._sources.journal_topic(cursor.journal_partitions)
        except KafkaException as error:
            log.warning("the topics can't be described; continuing", error=describe(error))
            return
        if topic.topic_id != cursor.journal_topic_id:
            raise JournalReplaced
        topic.check_partitions(cursor.journal_partitions)

    def _read_journal(self) -> None:
        now, steady = self._clock.now(), self._clock.steady()
        if self._checked_at is None or steady - self._checked_at >= TOPIC_CHECK:
            self.check_topic()
            self._checked_at = steady
        if self._settled_at is None or steady - self._settled_at >= SETTLED_PASS:
            self._gaps = self._sources.gaps(self._writer.cursor.journal_partitions)
            self._reader.whole()
            self._settled_at = steady
        else:
            self._reader.news()
        if self._read_at is None:
            self._silence.watch(self._clock.latest())
        # a reading before which no answer had come knew our own clock only
        self._read_at, self._polled_at = min(now, self._clock.now()), steady
        self._clock.warn()

    def _sweep_page(self) -> bool:
        """Publish the next page of the sweep under way or due; False = there is none."""
        now = self._clock.now()
        if self._sweep is None:
            wanted = due(self._writer.cursor, self._options, now, self._gaps, self._clock.ahead())
            if wanted is None:
                return False
            _log_gap(wanted)
            self._sweep = Sweep(wanted, now)
        sweep, paging = self._sweep, self._sweep.paging
        if self._page is None:
            page = self._sources.orders(paging.confirmed_from, paging.id_from)
            self._page = page, sweep.entries(page, self._remembered)
        page, entries = self._page
        cursor = self._writer.cursor
        if paging.done:
            cursor = swept(cursor, sweep.wanted, sweep.started, self.read_at)
        if entries or paging.done:
            self._writer.write(entries, cursor)
        self._page = None
        self._remembered.add(entries)
        if sweep.wanted.first_look and entries:
            self._silence.empty()
        self._silence.judge(page, sweep.started)
        if paging.done:
            log.info("swept", orders=sweep.count, since=sweep.wanted.since.isoformat())
            self._sweep = None
        return True


def _log_gap(wanted: Wanted) -> None:
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
