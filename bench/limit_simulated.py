"""Ten minutes of BaseLinker's limit on a simulated clock: what reads the orders is the program's own, Kafka is not.

Each processor takes its partitions' entries (Intake), coalesces and batches them (Jobs, Read), and reads them
(Enricher, windows, phone cache) through the real client and pacer, from the stand-in's own code. Simulated are the
consumer, the clock, the time an answer takes, and SALESmanago, which takes what comes. Processors share nothing but the
limit, so they are simulated one after the other; nothing is blocked as long as no 60 s of all of them together hold
more than 100 requests.
"""

import heapq
import itertools
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Any, cast
from urllib.parse import urlencode

from confluent_kafka import Consumer, TopicPartition

from bench.limit_figures import BUDGET, LIMIT, POLL_INTERVAL, SHARE, Kept
from bench.standin import BaseLinkerSide
from bench.topics import PARTITIONS, entry_of
from clients import BaseLinker, Http, Pacer
from clients.http import Answer
from clients.pacing import processor_share
from processor.circuit_breaker import Gate
from processor.consume.decode import Undecodable
from processor.consume.source import Intake
from processor.decide.rules import Enriched, RuleSettings
from processor.enrich.enricher import Enricher
from processor.enrich.stage import Read
from processor.job import Job, Jobs
from processor.session import MOST_JOBS
from schemas.codec import Codec, make_codec
from schemas.partitioner import partition_of
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
    """What the intake asks a message."""

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
        self._paused: set[int] = set()

    def consume(self, count: int, _: float) -> list[Message]:
        """Return the next messages of the first partition that has some."""
        for number, left in self._left.items():
            if number not in self._paused and (found := list(itertools.islice(left, count))):
                return found
        return []

    def pause(self, partitions: list[TopicPartition]) -> None:
        """Bring no more of these."""
        self._paused |= {one.partition for one in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        """Bring them again."""
        self._paused -= {one.partition for one in partitions}

    def get_watermark_offsets(self, _: TopicPartition, timeout: float) -> tuple[int, int]:
        """Nothing has expired."""
        return 0, 2**62


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
        self._intake = Intake(cast("Consumer", SimulatedConsumer(messages)), codec, TOPICS.journal, self.clock)
        for number in messages:
            self._intake.open(number, 0, 0)
        self._jobs = Jobs()
        enricher = Enricher(api, RULES, self.clock)
        gate = Gate("BaseLinker")
        self._read = Read(enricher, gate, self._jobs, self.clock, self._decided, self._refused, Event())
        self._read._pool = AtOnce(1)
        self._under_way: list[tuple[float, int, Job]] = []
        self._tick = itertools.count()

    def run(self, seconds: float) -> tuple[int, int]:
        """Work until then, or until all is read; return the orders so far, and their requests."""
        while self.clock.now < seconds:
            while self._under_way and self._under_way[0][0] <= self.clock.now:
                self._jobs.close(heapq.heappop(self._under_way)[2])
            came = self._poll()
            for entry in self._intake.take(MOST_JOBS - len(self._jobs), self.clock.now):
                assert not isinstance(entry, Undecodable)
                if not self._jobs.join(entry):
                    self._jobs.open(entry.record.order_id, entry.raw.partition, [entry], None)
            self._read.greet()
            self._read.advance()
            if not came and not self._jobs and not self._intake.queued():
                break
            self.clock.sleep(TURN_SECONDS)
        return self.orders, self.requests

    def _poll(self) -> int:
        """Poll as often as the program has done while an answer was waited for: until every queue is full."""
        turns = max(1, round((self.clock.now - self._polled_at) / TURN_SECONDS))
        self._polled_at = self.clock.now
        return sum(itertools.takewhile(bool, (self._intake.poll(0) for _ in range(turns))))

    def _decided(self, job: Job, _: Enriched) -> None:
        self.orders, self.requests = self.orders + 1, len(self.times)
        heapq.heappush(self._under_way, (self.clock.now + DELIVERY_SECONDS, next(self._tick), job))

    def _refused(self, job: Job, error: Exception) -> None:
        raise error


def simulate(side: BaseLinkerSide, messages: Backlog, processors: int, seconds: float, warm_up: float) -> Kept:
    """Let so many processors work on a backlog for a time, and measure what comes after the warm-up (seconds).

    What a batch cut off by an end asked does not count.
    """
    members = [Simulated(side, part) for part in _ranges(messages, processors)]
    before = [member.run(warm_up) for member in members]
    after = [member.run(warm_up + seconds) for member in members]
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
