"""Ten minutes of BaseLinker's limit on a simulated clock: what reads the orders is the program's own, Kafka is not.

Each processor takes its partitions' entries (Source), makes jobs of them (Coalesce), and reads their orders (Enrich,
windows, phone cache) through the real client and pacer, from the stand-in's own code. Simulated are the consumer, the
clock, the time an answer takes, and SALESmanago, which takes what comes. Processors share nothing but the limit, so
they are simulated one after the other; nothing is blocked as long as no 60 s of all of them together hold more than
100 requests.
"""

import heapq
import itertools
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlencode

from confluent_kafka import Consumer, TopicPartition

from bench.limit_figures import BUDGET, LIMIT, POLL_INTERVAL, SHARE, Kept
from bench.standin import BaseLinkerSide
from bench.topics import PARTITIONS, entry_of
from clients import BaseLinker, Http, Pacer
from clients.http import Answer
from clients.pacing import processor_share
from processor.circuit_breaker import CircuitBreaker
from processor.coalesce.stage import Coalesce
from processor.consume.source import Source
from processor.decide.rules import RuleSettings
from processor.ending import Ending
from processor.enrich.enricher import Enricher
from processor.enrich.missing_orders import MissingOrders
from processor.enrich.stage import Enrich
from processor.job import Entry, Job
from processor.ledger_rows import final_row
from processor.partition import Partition
from processor.restore.ledger import Ledger
from processor.values import Read
from schemas.codec import Codec, make_codec
from schemas.partitioner import partition_of
from schemas.progress import Progress
from schemas.records import Outcome
from schemas.topics import Topics, order_key

ANSWER_SECONDS, DELIVERY_SECONDS, TURN_SECONDS = 0.2, 0.3, 0.05
TOPICS = Topics("simulated")
RULES = RuleSettings(
    location="sandbox_shop",
    contact_tag="",
    tag_order_source="code",
    skip_shop_orders=False,
    product_id_field="product_id",
)


@dataclass(frozen=True, slots=True)
class Message:
    """What the source asks a message."""

    number: int
    place: int
    record_key: bytes
    record_value: bytes

    def error(self) -> None:
        """None: all are fine."""

    def partition(self) -> int:
        """The partition."""
        return self.number

    def offset(self) -> int:
        """The offset."""
        return self.place

    def key(self) -> bytes:
        """The order id."""
        return self.record_key

    def value(self) -> bytes:
        """The entry."""
        return self.record_value

    def headers(self) -> None:
        """No headers."""

    def timestamp(self) -> tuple[int, int]:
        """Not told."""
        return 0, 0


Backlog = Mapping[int, list[Message]]


def backlog(logs: list[dict[str, Any]]) -> Backlog:
    """Lay the journal's entries into partitions."""
    codec: Codec = make_codec(TOPICS, None)
    found: dict[int, list[Message]] = {number: [] for number in range(PARTITIONS)}
    for log in logs:
        key = order_key(log["order_id"])
        lane = found[partition_of(key, PARTITIONS)]
        lane.append(Message(partition_of(key, PARTITIONS), len(lane), key, codec.encode(entry_of(log))))
    return found


class SimulatedConsumer:
    """Brings one partition after the other, as Kafka does with a backlog, and keeps paused ones back."""

    def __init__(self, messages: Backlog) -> None:
        self._left = {number: iter(found) for number, found in messages.items()}
        self._ends = {number: len(found) for number, found in messages.items()}
        self._paused: set[int] = set()
        self.idle = False  # brought nothing when it was asked last

    def consume(self, count: int, _: float) -> list[Message]:
        """Return the next messages of the first partition that has some."""
        for number, left in self._left.items():
            if number not in self._paused and (found := list(itertools.islice(left, count))):
                self.idle = False
                return found
        self.idle = True
        return []

    def seek(self, _: TopicPartition) -> None:
        """They begin where they are."""

    def pause(self, partitions: list[TopicPartition]) -> None:
        """Bring no more of these."""
        self._paused |= {one.partition for one in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        """Bring them again."""
        self._paused -= {one.partition for one in partitions}

    def get_watermark_offsets(self, here: TopicPartition, **_: Any) -> tuple[int, int]:
        """Nothing has expired."""
        return 0, self._ends[here.partition]


class Clock:
    """One processor's time: it passes where something waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def utc(self) -> datetime:
        """Return the time as a date."""
        return datetime.fromtimestamp(1_800_000_000 + self.now, UTC)


class SimulatedHttp:
    """The stand-in's answers, each after a while; notes when each request was made."""

    def __init__(self, side: BaseLinkerSide, clock: Clock, times: list[float]) -> None:
        self._side, self._clock, self._times = side, clock, times

    def post_form(self, _: str, fields: Mapping[str, str], __: Mapping[str, str]) -> Answer:
        """Answer."""
        self._times.append(self._clock.now)
        content = self._side.answer(urlencode(fields).encode())
        self._clock.sleep(ANSWER_SECONDS)
        return Answer(200, {}, content)


class AtOnce(ThreadPoolExecutor):
    """Runs what is submitted before it returns: the simulated clock has no threads."""

    def submit(self, call: Callable[..., Any], /, *given: Any, **named: Any) -> "Future[Any]":
        """Run it."""
        done: Future[Any] = Future()
        try:
            done.set_result(call(*given, **named))
        except Exception as error:
            done.set_exception(error)
        return done


class Simulated:
    """One processor with its partitions."""

    def __init__(self, side: BaseLinkerSide, messages: Backlog) -> None:
        self.clock, self._polled_at = Clock(), 0.0
        self.times: list[float] = []
        self.orders = self.requests = 0  # so far, at the end of the last batch
        share = processor_share(BUDGET, POLL_INTERVAL, len(messages), PARTITIONS)
        pacer = Pacer(share, self.clock, self.clock.utc, self.clock.sleep)
        http = cast("Http", SimulatedHttp(side, self.clock, self.times))
        api = BaseLinker(http, "", "", pacer, self.clock.utc)
        codec = make_codec(TOPICS, None)
        self._messages, self._codec = messages, codec
        self._consumer = SimulatedConsumer(messages)
        self._source = Source(cast("Consumer", self._consumer), codec, TOPICS.journal)
        ledger = Ledger(codec)
        self._coalesce = Coalesce(ledger, 0.0)
        breaker, missing = CircuitBreaker("BaseLinker"), MissingOrders(limit=20)
        self._enrich = Enrich(Enricher(api, RULES, self.clock), breaker, missing, attempts=8, executor=AtOnce(1))
        for number in messages:
            partition = Partition(number, "simulated", 0.0, 0, Progress("simulated"))
            ledger.open(number)
            self._source.open(partition)
            self._coalesce.assign(partition)
            self._enrich.assign(partition)
        self._under_way: list[tuple[float, int, Job]] = []
        self._tick = itertools.count()

    def run(self, seconds: float) -> tuple[int, int]:
        """Work until then, or until all is read; return the orders so far, and their requests."""
        while self.clock.now < seconds:
            while self._under_way and self._under_way[0][0] <= self.clock.now:
                self._delivered(heapq.heappop(self._under_way)[2])
            self._poll()
            for entry in self._source.poll(self.clock.now, self._coalesce.room, 0.0):
                assert isinstance(entry, Entry)
                self._coalesce.submit(entry)
            for job in self._coalesce.poll(self.clock.now, self._enrich.room):
                assert isinstance(job, Job)
                self._enrich.submit(job)
            for read in self._enrich.poll(self.clock.now):
                self._read(read)
            if not self._coalesce.unfinished and not sum(map(self._source.waiting, self._messages)):
                break
            self.clock.sleep(TURN_SECONDS)
        return self.orders, self.requests

    def close(self) -> None:
        """End its threads and remove its files."""
        self._source.close()
        self._enrich.close()
        self._coalesce.close()

    def _poll(self) -> None:
        """Poll as often as the program has done while an answer was waited for: until every queue is full."""
        turns = max(1, round((self.clock.now - self._polled_at) / TURN_SECONDS))
        self._polled_at = self.clock.now
        for _ in range(turns - 1):
            list(self._source.poll(self.clock.now, 0, 0.0))
            if self._consumer.idle:
                return

    def _read(self, read: Read | Ending) -> None:
        assert isinstance(read, Read), read
        self.orders, self.requests = self.orders + 1, len(self.times)
        heapq.heappush(self._under_way, (self.clock.now + DELIVERY_SECONDS, next(self._tick), read.job))

    def _delivered(self, job: Job) -> None:
        row = final_row(Ending(job, Outcome.DELIVERED, "created", "event", "contact"), "simulated", self.clock.utc())
        self._coalesce.finished(job, row, self._codec.encode(row), 0.0)


def simulate(side: BaseLinkerSide, messages: Backlog, processors: int, seconds: float, warm_up: float) -> Kept:
    """Let so many processors work on a backlog for a time, and measure what comes after the warm-up (seconds).

    What a batch cut off by an end asked does not count.
    """
    members = [Simulated(side, part) for part in _ranges(messages, processors)]
    before = [member.run(warm_up) for member in members]
    after = [member.run(warm_up + seconds) for member in members]
    for member in members:
        member.close()
    times = sorted(at for member in members for at in member.times if at < warm_up + seconds)
    lasted = min(seconds, max(member.clock.now for member in members) - warm_up)
    orders, requests = (
        sum(end[what] - start[what] for start, end in zip(before, after, strict=True)) for what in (0, 1)
    )
    most = most_in_a_minute(times)
    measured = sum(at >= warm_up for at in times)
    return Kept(processors, orders, measured, lasted, most, int(most > LIMIT), requests / max(1, orders) * 1000)


def one_by_one(side: BaseLinkerSide, logs: list[dict[str, Any]], seconds: float) -> Kept:
    """The same share, spent as most integrations do: an order, its phone, its candidates, each by a request."""
    requests = orders = 0
    most = int(SHARE * seconds / 60)
    for log in logs:
        needed = 1
        order = side.order(log["order_id"])
        if order["order_source"] == "allegro":
            earlier = [one for one in side.under_phone(order["phone"]) if one < order["order_id"]]
            needed += 1 + len(earlier[:10])
        if requests + needed > most:
            break
        requests, orders = requests + needed, orders + 1
    return Kept(1, orders, requests, seconds, round(SHARE), 0, requests / max(1, orders) * 1000)


def most_in_a_minute(times: list[float]) -> int:
    """Return the most requests that any 60 s hold."""
    ordered, first, most = sorted(times), 0, 0
    for last, at in enumerate(ordered):
        while ordered[first] <= at - 60:
            first += 1
        most = max(most, last - first + 1)
    return most


def _ranges(messages: Backlog, members: int) -> list[Backlog]:
    """Partitions as Kafka's range assignor deals them out."""
    numbers = sorted(messages)
    parts: list[Backlog] = []
    for member in range(members):
        size = len(numbers) // members + int(member < len(numbers) % members)
        start = sum(len(part) for part in parts)
        parts.append({number: messages[number] for number in numbers[start : start + size]})
    return parts
