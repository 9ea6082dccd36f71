"""The producer: terms of leadership, one after the other, and what to do about everything that can go wrong in one."""

import math
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from clients import ApiError, BackpressureError, BaseLinker, FatalError, Http, Pacer, PacerClosed
from producer.clock import Clock
from producer.journal.initial_cursor import starting_cursor
from producer.journal.reader import LOG_TYPES
from producer.journal.silence import Silence
from producer.journal.topic_identity import NewTopic, find_identity
from producer.journal.writer import Writer
from producer.leader import Leader, LeadLost, Stopped
from producer.options import Plan
from producer.publish import Publisher
from producer.sweep.gaps import told_gaps
from producer.sweep.sweep import Remembered
from producer.term import Poll
from runtime.assignment_known import AssignmentKnown
from runtime.client_errors import describe
from runtime.health import Health
from runtime.kafka import admin_config, consumer_config, cooperative, transactional_producer_config
from runtime.logging import get_logger
from runtime.metrics import Metrics
from runtime.settings import Settings
from runtime.topic_identity import check_partitions
from runtime.transaction import Fenced, TransactionalWriter
from schemas.codec import Codec, make_codec
from schemas.records import Cursor
from schemas.registry import RegistryUnavailable
from schemas.topics import Topics, ensure_topics

LEAD_SECONDS, TELL_SECONDS = 60.0, 5.0
PROBE_SECONDS = 60.0
AFTER_LOSS_SECONDS = 3.0  # long enough for the group to say who leads
TOPICS_SECONDS = 10.0
GRACE = timedelta(minutes=2)
SILENT = (
    "the journal names nothing although orders are confirmed: is it switched on? BaseLinker → My account → API. Until"
    " then orders arrive by the sweep only"
)
OTHER_LEADS = "another producer leads, or one that was killed still counts: standing by until its place is free"
NO_WORD = "waiting for the group to say who leads"
NO_WORD_WHY = "Kafka answers, but not this group's coordinator; see docs/operations.md, Kafka does not answer"

log = get_logger(__name__)


class Wrong(Exception):
    """The program can't go on until a person mends something; the sentence says what."""


class Program:
    """One member: stands by, or leads."""

    def __init__(
        self, settings: Settings, stop: Event, pacer: Pacer, health: Health, metrics: Metrics, until_caught_up: bool
    ) -> None:
        self._settings, self._stop, self._health, self._metrics = settings, stop, health, metrics
        self._until_caught_up = until_caught_up
        self._topics = Topics(settings.topic_prefix)
        self._admin = AdminClient(admin_config(settings))
        self._codec: Codec = make_codec(self._topics, settings.schema_registry)
        self._api = BaseLinker(
            Http("BaseLinker", 30.0),
            settings.baselinker_api_url,
            settings.baselinker_token.get_secret_value(),
            pacer,
            counted=metrics.asked_baselinker,
        )
        self._clock = Clock(lambda: self._api.dated)
        sweep = timedelta(seconds=settings.sweep_interval_seconds)
        self._plan = Plan(
            settings.start_from,
            timedelta(seconds=settings.poll_interval_seconds),
            sweep or None,
            settings.journal_partitions,
        )
        self._silence = Silence(min(GRACE, sweep or GRACE), self._tell_silence)
        self._remembered = Remembered()
        self._told_gaps = told_gaps(settings, self._topics.journal)
        self._answered = False
        self._looked_at: Callable[[], datetime | None] = lambda: None
        metrics.journal_lag.set_function(self._lag)

    def run(self) -> int:
        """Stand by and lead until told to stop."""
        self._make_topics()
        leader = self._join()
        try:
            began = checked = time.monotonic()
            told = False
            while True:
                if leader.leads:
                    if self._term(leader):
                        return 0
                    checked = time.monotonic()
                    continue
                self._stand_by(leader.answered)
                if not told and time.monotonic() - began > TELL_SECONDS:
                    told = True
                    log.info(OTHER_LEADS if leader.answered else f"{NO_WORD}: {NO_WORD_WHY}")
                if self._until_caught_up and time.monotonic() - began > LEAD_SECONDS:
                    if not leader.answered:
                        raise Wrong(f"gave up {NO_WORD}: {NO_WORD_WHY}")
                    log.info("another producer leads and reads the journal: nothing to do")
                    return 0
                if time.monotonic() - checked > TOPICS_SECONDS:  # a deleted cursor topic leaves nobody to lead
                    self._make_topics()
                    checked = time.monotonic()
                leader.wait(0.2)
        finally:
            leader.close()

    def _join(self) -> Leader:
        settings = self._settings
        return Leader(
            lambda **over: Consumer(consumer_config(settings, f"{settings.topic_prefix}-producer", **over)),
            AssignmentKnown(settings),
            self._admin,
            self._topics,
            self._codec,
            self._stop.is_set,
            self._health,
            cooperative(settings),
        )

    def _stand_by(self, answered: bool) -> None:
        self._health.set_ready("leadership", answered, NO_WORD)
        self._metrics.leader.set(0)
        self._looked_at = lambda: None
        self._silence.forget()

    def _term(self, leader: Leader) -> bool:
        """Lead until the lead is lost; True when caught up."""
        settings = self._settings
        try:
            config = transactional_producer_config(settings, f"{settings.topic_prefix}-producer")
            # a deleted journal topic must not come back by itself, with the broker's partition count
            writer = TransactionalWriter(lambda: Producer({**config, "allow.auto.create.topics": False}))
            writer.open()  # fences the predecessor
            publisher = Publisher(writer, self._codec, self._topics)
            self._metrics.leader.set(1)
            self._health.set_ready("leadership", True)
            poll: Poll | None = None
            pause, answers = 1.0, 0
            while leader.leads:
                try:
                    answers = self._api.answers
                    poll = poll or self._begin(leader, publisher)
                    if self._until_caught_up:
                        poll.catch_up()
                        return True
                    idle = poll.turn()
                    self._fine()
                    pause = 1.0
                    leader.hold(idle.total_seconds())
                except ApiError as error:
                    if self._api.answers > answers:  # it got somewhere: the next pause is a short one
                        pause = 1.0
                    leader.hold(self._pause(error, pause))
                    pause = min(60.0, pause * 2)
                except RegistryUnavailable as error:
                    log.warning("schema registry away: waiting for it", error=str(error))
                    leader.hold(2.0)
        except (Fenced, LeadLost) as error:
            log.warning("gave up the lead", why=str(error) or "another producer has it")
            leader.wait(AFTER_LOSS_SECONDS)
        except NewTopic:
            leader.wait(0)
        except PacerClosed:
            raise Stopped from None
        except KafkaException as error:
            log.warning("Kafka can't go on; trying again", error=describe(error))
            leader.wait(2.0)
        return False

    def _begin(self, leader: Leader, publisher: Publisher) -> Poll:
        """Go on from the cursor's row, or begin one."""
        identity = leader.ask(lambda: find_identity(self._admin, self._topics, self._plan.partitions))
        found = leader.read_cursor()
        if found is not None:
            check_partitions(self._topics.journal, identity.partitions, found.journal_partitions)
        if found is None and self._api.dated is None:  # the first marks shall not be of a wrong clock
            leader.ask(lambda: self._api.journal(0, LOG_TYPES))
        cursor = starting_cursor(
            found,
            identity,
            lambda: leader.journal_has_entries(identity.partitions),
            self._plan,
            lambda at: leader.ask(lambda: self._api.journal(at, LOG_TYPES)),
            self._clock.now(),
        )
        check = self._checks(leader, cursor)
        writer = Writer(publisher, cursor, self._metrics, leader.hold, check)
        if cursor != found:
            writer.write([], cursor)
        poll = Poll(
            self._api,
            leader.ask,
            writer,
            self._plan,
            self._silence,
            self._remembered,
            self._told_gaps,
            check,
            self._clock,
        )
        self._looked_at = lambda: poll.looked_at or cursor.read_at
        return poll

    def _checks(self, leader: Leader, cursor: Cursor) -> Callable[[], None]:
        def check() -> None:
            """Raise NewTopic or TopicProblem when the journal topic is not the cursor's any more."""
            try:
                identity = leader.ask(lambda: find_identity(self._admin, self._topics, cursor.journal_partitions))
            except KafkaException as error:
                log.warning("the topics can't be described; going on", error=describe(error))
                return
            if identity.topic_id != cursor.journal_topic_id:
                raise NewTopic
            check_partitions(self._topics.journal, identity.partitions, cursor.journal_partitions)

        return check

    def _fine(self) -> None:
        self._answered = True
        self._metrics.paused.set(0)
        self._health.set_ready("BaseLinker", True)

    def _pause(self, error: ApiError, pause: float) -> float:
        """Say what is wrong and return how many seconds to wait."""
        if isinstance(error, FatalError):
            if self._until_caught_up or not self._answered:
                raise Wrong(str(error))
            self._metrics.paused.set(1)
            self._health.set_ready("BaseLinker", False, str(error))
            log.error("paused; asking again in a minute", why=str(error))
            return PROBE_SECONDS
        if isinstance(error, BackpressureError) and error.retry_at is not None:
            seconds = max(1.0, error.retry_at.timestamp() - time.time())
            self._health.set_ready("BaseLinker", False, f"{error}; waiting until {error.retry_at:%H:%M:%S} UTC")
            log.warning("BaseLinker asks to wait", seconds=round(seconds), why=str(error))
            return seconds
        log.warning("BaseLinker did not answer; trying again", error=str(error))
        return pause

    def _tell_silence(self, silent: bool) -> None:
        self._metrics.journal_silent.set(int(silent))
        self._health.set_ready("journal", not silent, SILENT)
        if silent:
            log.error(SILENT)
        else:
            log.info("no alarm about a silent journal any more")

    def _lag(self) -> float:
        looked_at = self._looked_at()
        return math.nan if looked_at is None else max(0.0, (self._clock.now() - looked_at).total_seconds())

    def _make_topics(self) -> None:
        while not self._stop.is_set():
            self._health.turn()
            try:
                ensure_topics(self._admin, self._topics, self._settings.journal_partitions, seconds=5.0)
                self._health.set_ready("broker", True)
                return
            except KafkaException as error:
                self._admin.poll(0)  # it tells why
                self._health.set_ready("broker", False, "Kafka does not answer")
                servers = self._settings.kafka_bootstrap_servers
                log.warning("Kafka does not answer; waiting", servers=servers, error=describe(error))
                self._stop.wait(2.0)
        raise Stopped
