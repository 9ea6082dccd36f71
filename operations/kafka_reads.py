"""What lies in Kafka, read from outside: offsets, members, cursor, rows, entries, dead letters. Writes nothing.

Every function asks the broker anew and returns plain data; KafkaException when the broker does not answer. A reader
never joins the processors' group.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from operations.output import Refused, told_by
from runtime.kafka import admin_config, consumer_config
from runtime.logging import configure_logging
from runtime.offsets import group_offsets
from runtime.settings import Settings
from schemas.codec import Codec, DecodeError, make_codec
from schemas.partitioner import partition_of
from schemas.progress import Progress, read_progress
from schemas.records import Cursor, DeadLetter, Delivery, JournalEntry, dead_letter_from_headers
from schemas.topics import Topics, order_key, parse_order_key

SECONDS = 10.0
STUCK_SECONDS = 60.0
COUNTED_EXACTLY = 5000


@dataclass(frozen=True, slots=True)
class Member:
    """One processor (or producer) of a group and what it owns."""

    client_id: str
    host: str
    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """A partition's log and how far the group is; committed -1 = nowhere yet, `progress` None = not told by us."""

    partition: int
    first: int
    end: int
    committed: int
    progress: Progress | None

    @property
    def next(self) -> int:
        """The offset the group reads next."""
        return max(self.committed, self.first)

    @property
    def lag(self) -> int:
        """Offsets still to be read; transaction markers count, so a few may stay."""
        return max(0, self.end - self.next)


@dataclass(frozen=True, slots=True)
class EntryAt:
    """A journal message; `entry` None = it can't be read."""

    partition: int
    offset: int
    written_at: datetime
    key: bytes | None
    entry: JournalEntry | None


@dataclass(frozen=True, slots=True)
class RowAt:
    """A ledger row and its order."""

    order_id: int
    partition: int
    row: Delivery


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as it lies there; `order_id` None = not to be told. `value` and `headers` as they came."""

    key: str
    partition: int
    order_id: int | None
    why: DeadLetter
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class KafkaReads:
    """Readers over one deployment's topics; to be closed."""

    def __init__(self, settings: Settings) -> None:
        configure_logging("ERROR", settings.log_format, settings.secrets)
        plain = {name: value for name, value in settings.kafka_properties.items() if name != "group.protocol"}
        self.settings = settings
        self.topics = Topics(settings.topic_prefix)
        self.codec: Codec = make_codec(self.topics, settings.schema_registry)
        self.admin = AdminClient(admin_config(settings))
        alone = settings.model_copy(update={"kafka_properties": plain})
        self._config = consumer_config(alone, f"{settings.group_id}-reader")
        self._consumer = Consumer(self._config)

    def __enter__(self) -> "KafkaReads":
        return self

    def __exit__(self, *ending: object) -> None:
        self._consumer.close()

    def partitions(self, topic: str) -> list[int]:
        """Return a topic's partitions; Refused where the broker does not answer or has no such topic."""
        try:
            known = self.admin.list_topics(timeout=SECONDS).topics
        except KafkaException as error:
            raise Refused(
                f"Kafka does not answer at {self.settings.kafka_bootstrap_servers} ({told_by(error)}):"
                " is it running, and is KAFKA_BOOTSTRAP_SERVERS right?"
            ) from None
        if topic not in known:
            raise Refused(
                f"there is no topic {topic}: check TOPIC_PREFIX and KAFKA_BOOTSTRAP_SERVERS; `bl2sm topics` makes them"
            )
        return sorted(known[topic].partitions)

    def log_ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """Return each partition's first offset and its end (the last stable one)."""
        return {
            number: self._consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=SECONDS)
            for number in self.partitions(topic)
        }

    def wait_for_hidden(self, topic: str, seconds: float = 40.0) -> None:
        """Wait until no open transaction hides messages; Refused where one stays (a killed member's ends in 20 s)."""
        until = time.monotonic() + seconds
        while True:
            asked = {number: TopicPartition(topic, number) for number in self.partitions(topic)}
            futures = self.admin.list_offsets(
                {one: OffsetSpec.latest() for one in asked.values()},  # type: ignore[no-untyped-call]
                isolation_level=IsolationLevel.READ_UNCOMMITTED,
                request_timeout=SECONDS,
            )
            ends = {number: int(futures[one].result().offset) for number, one in asked.items()}
            if all(end >= ends[number] for number, (_, end) in self.log_ends(topic).items()):
                return
            if time.monotonic() > until:
                raise Refused(f"an open transaction hides messages of {topic}: is a program still running?")
            time.sleep(0.5)

    def offsets_at(self, topic: str, at: datetime) -> dict[int, int]:
        """Return each partition's first offset written at or after a time, its end where there is none."""
        ends = self.log_ends(topic)
        asked = [TopicPartition(topic, number, round(at.timestamp() * 1000)) for number in ends]
        found = self._consumer.offsets_for_times(asked, timeout=SECONDS)
        return {part.partition: part.offset if part.offset >= 0 else ends[part.partition][1] for part in found}

    def positions(self) -> list[Position]:
        """Return how far the processors' group is in the journal."""
        ends = self.log_ends(self.topics.journal)
        asked = [TopicPartition(self.topics.journal, number) for number in ends]
        committed = group_offsets(self.settings, self.settings.group_id, asked, SECONDS)
        return [
            Position(
                part.partition,
                *ends[part.partition],
                part.offset if part.offset >= 0 else -1,
                read_progress(part.metadata) if part.offset >= 0 else None,
            )
            for part in sorted(committed, key=lambda part: part.partition)
        ]

    def members(self, group_id: str) -> list[Member]:
        """Return a group's live members; [] for a group that does not exist."""
        try:
            described = self.admin.describe_consumer_groups([group_id], request_timeout=SECONDS)[group_id].result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return []
            raise
        return [
            Member(
                member.client_id,
                member.host.lstrip("/"),
                tuple(sorted(part.partition for part in member.assignment.topic_partitions)),
            )
            for member in described.members
        ]

    def processors(self) -> list[Member]:
        """Return the live processors."""
        return self.members(self.settings.group_id)

    def refuse_beside_processors(self) -> None:
        """Raise Refused while the processors' group has members."""
        if members := self.processors():
            raise Refused(
                f"{len(members)} processors of {self.settings.group_id} are running: stop them, run this again, start"
                f" them (a killed one counts for {self.settings.session_timeout_ms / 1000:.0f} s)"
            )

    def producers(self) -> list[Member]:
        """Return the live producers; the one with a partition leads."""
        return self.members(f"{self.settings.topic_prefix}-producer")

    def messages(self, topic: str, starts: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[Message]:
        """Yield the committed messages from the starts up to (not including) the ends, as they come."""
        wanted = {number: (start, ends[number]) for number, start in starts.items() if start < ends[number]}
        if not wanted:
            return
        reader = Consumer(self._config)
        try:
            reader.assign([TopicPartition(topic, number, start) for number, (start, _) in wanted.items()])
            left, moved_at = set(wanted), time.monotonic()
            while left:
                found = reader.consume(2000, 0.2)
                if found:
                    moved_at = time.monotonic()
                elif time.monotonic() - moved_at > STUCK_SECONDS:
                    raise Refused(f"{topic} can't be read to its end: is a partition of it without a leader?")
                for message in found:
                    number, offset, error = message.partition(), message.offset(), message.error()
                    if number is None:
                        continue
                    if error is not None:
                        if error.code() == KafkaError._PARTITION_EOF:
                            left.discard(number)
                            continue
                        if error.fatal() or not error.retriable():
                            raise KafkaException(error)
                        continue
                    if offset is not None and offset >= wanted[number][1] - 1:
                        left.discard(number)
                    if offset is not None and offset < wanted[number][1]:
                        yield message
        finally:
            reader.close()

    def whole(self, topic: str, partition: int | None = None) -> Iterator[Message]:
        """Yield every committed message of a topic, or of one of its partitions."""
        ends = {number: both for number, both in self.log_ends(topic).items() if partition in (None, number)}
        return self.messages(
            topic,
            {number: first for number, (first, _) in ends.items()},
            {number: end for number, (_, end) in ends.items()},
        )

    def cursor(self) -> Cursor | None:
        """Return how far BaseLinker's journal was read; None before the first start."""
        found = None
        for message in self.whole(self.topics.cursor):
            value = message.value()
            found = value if isinstance(value, bytes) else found
        return self.codec.decode(found, Cursor) if found is not None else None

    def partition_count(self) -> int:
        """Return the count by which orders lie in partitions; Refused where topic and cursor disagree."""
        count, cursor = len(self.partitions(self.topics.journal)), self.cursor()
        if cursor is not None and cursor.journal_partitions != count:
            raise Refused(
                f"{self.topics.journal} has {count} partitions and had {cursor.journal_partitions}: nothing may be"
                " written, rows would be looked up in the wrong place. Move to a new TOPIC_PREFIX"
            )
        return count

    def row(self, order_id: int) -> Delivery | None:
        """Return an order's ledger row; reads its whole partition. DecodeError where it can't be read."""
        wanted, newest = order_key(order_id), None
        for message in self.whole(self.topics.deliveries, partition_of(wanted, self.partition_count())):
            if message.key() == wanted:
                newest = message.value()
        return self.codec.decode(newest, Delivery) if isinstance(newest, bytes) else None

    def rows(self, since: datetime | None = None) -> dict[int, RowAt]:
        """Return every order's newest row, or only those written since a time; rows that can't be read are left out."""
        topic = self.topics.deliveries
        ends = self.log_ends(topic)
        starts = self.offsets_at(topic, since) if since else {number: first for number, (first, _) in ends.items()}
        newest: dict[int, tuple[int, bytes | None]] = {}
        for message in self.messages(topic, starts, {number: end for number, (_, end) in ends.items()}):
            key, value, number = message.key(), message.value(), message.partition()
            try:
                order_id = parse_order_key(key if isinstance(key, bytes) else None)
            except ValueError:
                continue
            newest[order_id] = (number or 0, value if isinstance(value, bytes) else None)
        found: dict[int, RowAt] = {}
        for order_id, (number, content) in newest.items():
            try:
                if content is not None:
                    found[order_id] = RowAt(order_id, number, self.codec.decode(content, Delivery))
            except DecodeError:
                continue
        return found

    def entries(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[EntryAt]:
        """Yield journal entries between offsets."""
        for message in self.messages(self.topics.journal, starts, ends):
            yield self._entry(message)

    def entries_of(self, order_id: int) -> list[EntryAt]:
        """Return an order's journal entries, oldest first; reads its whole partition."""
        wanted = order_key(order_id)
        number = partition_of(wanted, self.partition_count())
        return [self._entry(found) for found in self.whole(self.topics.journal, number) if found.key() == wanted]

    def last_entry(self) -> EntryAt | None:
        """Return the entry with the highest log id among the last messages of each partition."""
        ends = self.log_ends(self.topics.journal)
        starts = {number: max(first, end - 20) for number, (first, end) in ends.items()}
        best: EntryAt | None = None
        for found in self.entries(starts, {number: end for number, (_, end) in ends.items()}):
            if found.entry is not None and found.entry.log_id > (best.entry.log_id if best and best.entry else 0):
                best = found
        return best

    def waiting(self, positions: list[Position]) -> tuple[int, int]:
        """Return entries without an outcome, and how many of them are replayed ones.

        Read where they are few, for transaction markers lie between them.
        """
        until = {one.partition: one.progress.replay_until if one.progress else 0 for one in positions}
        lag = sum(one.lag for one in positions)
        if lag > COUNTED_EXACTLY:
            return lag, sum(max(0, min(one.end, until[one.partition]) - one.next) for one in positions)
        starts, ends = {one.partition: one.next for one in positions}, {one.partition: one.end for one in positions}
        found = list(self.entries(starts, ends))
        return len(found), sum(one.offset < until[one.partition] for one in found)

    def oldest_unfinished(self, positions: list[Position]) -> EntryAt | None:
        """Return the oldest entry without an outcome, by when it was written."""
        starts = {one.partition: one.next for one in positions}
        ends = {one.partition: min(one.end, one.next + 50) for one in positions}  # markers lie between
        found = list(self.entries(starts, ends))
        return min(found, key=lambda entry: entry.written_at, default=None)

    def letters(self) -> list[Letter]:
        """Return the dead letters that were neither tried again nor dropped, oldest first."""
        alive: dict[bytes, Message] = {}
        for message in self.whole(self.topics.dead_letters):
            key = message.key()
            if not isinstance(key, bytes):
                continue
            alive.pop(key, None)
            if message.value() is not None or message.headers():
                alive[key] = message
        found = [letter for key, message in alive.items() if (letter := _letter(key, message)) is not None]
        return sorted(found, key=lambda letter: letter.why.time)

    def _entry(self, message: Message) -> EntryAt:
        value, key = message.value(), message.key()
        try:
            entry = self.codec.decode(value, JournalEntry) if isinstance(value, bytes) else None
        except DecodeError:
            entry = None
        return EntryAt(
            message.partition() or 0,
            message.offset() or 0,
            datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
            key if isinstance(key, bytes) else None,
            entry,
        )


def _letter(key: bytes, message: Message) -> Letter | None:
    told: Iterable[tuple[str, str | bytes | None]] = message.headers() or []  # type: ignore[assignment]
    headers = tuple((name, text.encode() if isinstance(text, str) else text) for name, text in told)
    value = message.value()
    try:
        why = dead_letter_from_headers(headers)
    except ValueError:
        return None
    try:
        order_id: int | None = parse_order_key(why.original_key)
    except ValueError:
        order_id = None
    content = value if isinstance(value, bytes) else None
    return Letter(key.decode(errors="replace"), message.partition() or 0, order_id, why, content, headers)
