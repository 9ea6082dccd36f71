"""Whose turn it is to ask BaseLinker: the tools of a deployment, on whatever hosts, take turns at one pace.

They are a group of their own, `<prefix>-tools`, over the cursor topic's only partition. Its owner may ask: it commits
when it did, before each request, and leaves. So requests lie a gap apart whoever makes them: the next owner knows of
the last one's. A killed tool's place is free when its session ends, which is longer than a gap; one that was stopped
meanwhile can't commit, so it does not ask.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from clients import PacerClosed
from runtime.assignment_known import GroupWord
from runtime.kafka import admin_config, consumer_config, cooperative, give_back, take_paused
from runtime.settings import Settings
from schemas.topics import Topics

ANSWER_SECONDS = 3.0
STAY_SECONDS = 3.0  # after a request, where the next one may be made sooner than one can leave and join
AFTER_YOU_SECONDS = 2.5  # longer than a heartbeat: who waits already joins first
TELL_SECONDS, THERE_SECONDS = 6.0, 30.0
POLL_SECONDS = 0.05
MOVING = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError._STATE,
        KafkaError._ASSIGNMENT_LOST,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    }
)
REFUSED = frozenset({KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED})


class _CantTell(Exception):
    """Kafka can't say whether another tool asks."""


@dataclass(slots=True)
class _Ticket:
    """One request that waits; `granted` True = the others know of it, False = they can't, None = closed."""

    gap: float
    granted: bool | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def end(self, granted: bool | None) -> None:
        self.granted = granted
        self.done.set()


class Turn:
    """Thread-safe; to be closed. A member of the group only while a request waits. `told` hears of a long wait."""

    def __init__(self, settings: Settings, told: Callable[[str], None]) -> None:
        self._settings, self._told = settings, told
        self._topic = Topics(settings.topic_prefix).cursor
        self.group_id = f"{settings.topic_prefix}-tools"
        self._patience = _patience(settings)
        self._lock = threading.Lock()
        self._tickets: deque[_Ticket] = deque()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self._asked = float("-inf")

    def take(self, gap: float) -> bool:
        """Wait for the next place, `gap` seconds after the last request of any tool; PacerClosed.

        False, at once, where Kafka does not answer or has no such deployment: nobody is known to ask, nobody was told.
        """
        ticket = _Ticket(gap)
        with self._lock:
            if self._closed.is_set():
                raise PacerClosed
            self._tickets.append(ticket)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="turn", daemon=True)
                self._thread.start()
        while not ticket.done.wait(0.2):  # in slices, so that Ctrl-C is heard
            pass
        if ticket.granted is None:
            raise PacerClosed
        return ticket.granted

    def close(self) -> None:
        """Leave the group; who waits gets PacerClosed."""
        with self._lock:
            self._closed.set()
            thread = self._thread
        if thread is not None:
            thread.join(2 * ANSWER_SECONDS)

    def _run(self) -> None:
        """Serve tickets until there are none."""
        while True:
            try:
                self._serve()
                known = True
            except Exception:  # whatever it is, who waits here goes on at a pace of its own
                known = False
            with self._lock:
                closed = self._closed.is_set()
                if known and not closed and self._tickets:
                    continue
                waiting, self._tickets, self._thread = self._tickets, deque(), None
            for ticket in waiting:
                ticket.end(None if closed else False)
            return

    def _serve(self) -> None:
        """Be a member until a request was made, and for as long as the next ones come sooner than one could leave."""
        if not self._there():
            raise _CantTell
        if (ticket := self._first()) is None:
            return
        self._closed.wait(self._asked + min(AFTER_YOU_SECONDS, ticket.gap / 4) - time.monotonic())
        member = _Member(self._settings, self.group_id, self._topic)
        began = seen = time.monotonic()
        told = False
        try:
            while not self._closed.is_set():
                member.turn()
                ticket = self._first()
                if ticket is not None and member.note(ticket.gap):
                    self._asked = time.monotonic()
                    with self._lock:
                        self._tickets.popleft()
                    ticket.end(True)
                    if ticket.gap >= STAY_SECONDS:
                        return
                elif ticket is None and time.monotonic() - self._asked > STAY_SECONDS:
                    return
                elif ticket is not None and not member.owns:
                    now = time.monotonic()
                    if not told and now - began > TELL_SECONDS:
                        told = True
                        self._told(self._waits(member.answered))
                    if not member.answered and now - began > self._patience:
                        raise _CantTell
                    if now - seen > THERE_SECONDS:
                        seen = now
                        if not self._there():
                            raise _CantTell
        finally:
            member.close()

    def _waits(self, answered: bool) -> str:
        if answered:
            return f"another tool is asking BaseLinker (group {self.group_id}): taking turns with it"
        return (
            f"waiting for Kafka to say whether another tool asks BaseLinker (group {self.group_id}); going on at a pace"
            f" of its own after {self._patience:.0f} s"
        )

    def _first(self) -> _Ticket | None:
        with self._lock:
            return self._tickets[0] if self._tickets else None

    def _there(self) -> bool:
        """Whether the broker answers and has the topic."""
        try:
            known = AdminClient(admin_config(self._settings)).list_topics(timeout=ANSWER_SECONDS).topics
        except KafkaException:
            return False
        return self._topic in known


class _Member:
    """A member of the group; used by one thread."""

    def __init__(self, settings: Settings, group_id: str, topic: str) -> None:
        self._place, self._one_by_one = TopicPartition(topic, 0), cooperative(settings)
        self.owns = False
        self._failing: float | None = None  # since when commits do not get through
        self._next: float | None = None  # monotonic; None = when the others asked last was not read yet
        self._word = GroupWord(settings)
        self._patience = _patience(settings)
        self._consumer = Consumer(consumer_config(settings, group_id, **self._word.config()))
        self._consumer.subscribe([topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)

    @property
    def answered(self) -> bool:
        """Whether the group has said whose turn it is."""
        return self._word.given

    def turn(self) -> None:
        """Keep the membership; _CantTell where it is refused."""
        message = self._consumer.poll(POLL_SECONDS)
        error = message.error() if message is not None else None
        if error is not None and (error.fatal() or error.code() in REFUSED):
            raise _CantTell

    def note(self, gap: float) -> bool:
        """Tell the group of a request that is made now; False while it is not this member's time.

        KafkaException; _CantTell where commits do not get through for long.
        """
        if not self.owns:
            return False
        try:
            if self._next is None:
                known = self._consumer.committed([self._place], timeout=ANSWER_SECONDS)[0].metadata
                left = seconds_left(known, gap, time.time())
                self._next = time.monotonic() + left  # read after the wall clock: rather too late than too early
            if time.monotonic() < self._next:
                return False
            noted = TopicPartition(self._place.topic, 0, 0, f"asked={time.time():.3f}")
            answer = self._consumer.commit(offsets=[noted], asynchronous=False)[0].error
            if answer is not None:
                raise KafkaException(answer)
        except KafkaException as error:
            if error.args[0].code() not in MOVING:
                raise
            self._failing = self._failing or time.monotonic()
            if time.monotonic() - self._failing > self._patience:
                raise _CantTell from None
            return False  # the next poll says whose it is
        self._failing = None
        self._next = time.monotonic() + gap
        return True

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        take_paused(consumer, partitions, self._one_by_one)
        self._word.told()
        if partitions:
            self.owns, self._next, self._failing = True, None, None

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.owns = self.owns and not partitions
        give_back(consumer, partitions, self._one_by_one)

    def _lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._word.lost()
        self._revoked(consumer, partitions)


def _patience(settings: Settings) -> float:
    """Return how long a group's silence is borne: a killed tool's session may have to end before it says anything."""
    return settings.session_timeout_ms / 1000 + THERE_SECONDS


def seconds_left(metadata: str | None, gap: float, now: float) -> float:
    """Return how long after `now` (seconds since 1970) the next request may be made: `gap` after the group's last one.

    The clock of the host that made it may be ahead: a whole gap is enough in any case. <= 0 = at once.
    """
    return min(gap, _asked_at(metadata) + gap - now)


def _asked_at(metadata: str | None) -> float:
    """Return when the group's last request was made, in seconds since 1970; 0 = never, or not told by us."""
    name, _, value = (metadata or "").partition("=")
    try:
        return float(value) if name == "asked" else 0.0
    except ValueError:
        return 0.0
