"""The producer: terms of leadership, one after the other, and what to do about everything that can go wrong in one."""

import math
import time
from datetime import UTC, datetime, timedelta

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from clients import ApiError, BaseLinker, PacerClosed
from producer.baselinker_health import BaseLinkerHealth
from producer.clock import Clock
from producer.journal.initial_cursor import starting_cursor
from producer.journal.silence import Silence
from producer.journal.writer import JournalWriter
from producer.leader import Leader, LeadLost, Stopped
from producer.options import options_of
from producer.publish import Publisher
from producer.sources import RemoteSources, group_of
from producer.sweep.sweep import Remembered
from producer.term import JournalReplaced, Term
from runtime.assignment_known import AssignmentKnown
from runtime.broker_watch import BrokerWatch
from runtime.client_errors import describe
from runtime.kafka import consumer_config, cooperative, transactional_producer_config
from runtime.logging import get_logger
from runtime.program import CannotContinue, Program, wait_for_topics
from runtime.refusals import Refusals
from runtime.transaction import Fenced, NotCommitted, TransactionalWriter
from schemas.codec import Codec
from schemas.registry import RegistryUnavailable
from schemas.topics import Topics

LEAD_SECONDS, REPORT_SECONDS = 60.0, 5.0
AFTER_LOSS_SECONDS = 3.0  # long enough for the group to say who leads
TOPICS_SECONDS, AGAIN_SECONDS, REJECTED_SECONDS = 10.0, 2.0, 0.5
GRACE = timedelta(minutes=2)
SILENT = (
    "the journal names nothing although orders are confirmed: is it switched on? BaseLinker → My account → API. Until"
    " then orders arrive by the sweep only"
)
OTHER_LEADS = "another producer leads, or one that was killed still counts: standing by until its place is free"
NO_ANSWER = "waiting for the group to say who leads"
NO_ANSWER_WHY = (
    "Kafka answers, but not this group's coordinator; see docs/operations.md, Kafka answers, and yet nothing moves"
)

log = get_logger(__name__)


class Service:
    """One member of the producers' group: stands by, or leads."""

    def __init__(self, program: Program, admin: AdminClient, codec: Codec, api: BaseLinker) -> None:
        self._settings, self._health, self._metrics = program.settings, program.health, program.metrics
        self._program, self._admin, self._codec, self._api = program, admin, codec, api
        self._topics, self._options = Topics(self._settings.topic_prefix), options_of(self._settings)
        self._clock = Clock(lambda: api.dated)
        self._silence, self._remembered = Silence(min(GRACE, self._options.sweep or GRACE)), Remembered()
        self._baselinker = BaseLinkerHealth(program.health, program.metrics, must_work=True)
        self._refusals = Refusals(program.health)
        self._term: Term | None = None
        self._reported_silent = False
        self._metrics.journal_lag.set_function(self._lag)

    def run(self) -> bool:
        """Stand by and lead; True when the journal was read to its end, with `until_caught_up`.

        Stopped; CannotContinue, TopicProblem.
        """
        self._wait_for_topics()
        leader = self._join()
        try:
            began = checked = time.monotonic()
            reported = False
            while True:
                if leader.leads:
                    if self._lead(leader):
                        return True
                    checked = time.monotonic()
                    continue
                self._stand_by(leader.answered)
                waited = time.monotonic() - began
                if not reported and waited > REPORT_SECONDS:
                    reported = True
                    log.info(OTHER_LEADS if leader.answered else f"{NO_ANSWER}: {NO_ANSWER_WHY}")
                if self._program.until_caught_up and waited > LEAD_SECONDS:
                    if not leader.answered:
                        raise CannotContinue(f"gave up {NO_ANSWER}: {NO_ANSWER_WHY}")
                    log.info("another producer leads and reads the journal: nothing to do")
                    return True
                if time.monotonic() - checked > TOPICS_SECONDS:  # a deleted cursor topic leaves nobody to lead
                    self._wait_for_topics()
                    checked = time.monotonic()
                leader.wait(0.2)
        finally:
            leader.close()

    def _wait_for_topics(self) -> None:
        program = self._program
        if wait_for_topics(self._admin, self._topics, program.settings, program.stop, program.health) is None:
            raise Stopped

    def _join(self) -> Leader:
        known = AssignmentKnown(self._settings)
        leader = Leader(
            Consumer(consumer_config(self._settings, group_of(self._settings), **known.config())),
            known,
            cooperative(self._settings),
            BrokerWatch(self._admin, self._topics.cursor, self._health, time.monotonic),
            self._health,
            self._program.stop,
        )
        leader.join(self._topics.cursor)
        return leader

    def _stand_by(self, answered: bool) -> None:
        self._health.set_ready("leadership", answered, NO_ANSWER)
        self._metrics.leader.set(0)
        self._refusals.turn(time.monotonic())
        self._silence.forget()
        self._report_silence()

    def _lead(self, leader: Leader) -> bool:
        """Lead until the lead is lost; True when caught up."""
        config = transactional_producer_config(self._settings, group_of(self._settings))
        config["allow.auto.create.topics"] = False  # a deleted journal topic would come back with the broker's defaults
        writer = TransactionalWriter(lambda: Producer(config))
        sources = RemoteSources(self._settings, leader, self._api, self._admin, self._topics, self._codec)
        try:
            self._open(writer)
            self._metrics.leader.set(1)
            self._health.set_ready("leadership", True)
            publisher = Publisher(writer, self._codec, self._topics)
            while leader.leads:
                if self._turn(leader, sources, publisher):
                    return True
        except LeadLost as error:
            self._give_up(leader, str(error))
        except Fenced as error:
            self._refusals.rejected(str(error), time.monotonic())
            self._give_up(leader, str(error))
        except JournalReplaced:
            leader.wait(0)
        except PacerClosed:
            raise Stopped from None
        except KafkaException as error:
            log.warning("Kafka error, trying again", error=describe(error))
            leader.wait(AGAIN_SECONDS)
        finally:
            self._term = None
        return False

    def _open(self, writer: TransactionalWriter) -> None:
        """Fence the predecessor and end its open transaction."""
        try:
            writer.open()
        except KafkaException as error:
            self._refusals.rejected(describe(error), time.monotonic())
            raise

    def _give_up(self, leader: Leader, why: str) -> None:
        log.warning("gave up the lead", why=why)
        leader.wait(AFTER_LOSS_SECONDS)

    def _turn(self, leader: Leader, sources: RemoteSources, publisher: Publisher) -> bool:
        """Take one turn of the term, or pause after what failed; True when caught up."""
        self._refusals.turn(time.monotonic())
        try:
            self._term = term = self._term or self._begin(sources, publisher)
            if self._program.until_caught_up:
                term.catch_up()
                return True
            idle = term.turn()
            self._baselinker.answered()
            self._refusals.accepted()  # a turn that was rejected before has written the same by now
            leader.hold(idle.total_seconds())
        except NotCommitted as error:
            self._refusals.rejected(str(error), time.monotonic())
            log.warning("Kafka rejected the transaction; trying again", error=str(error))
            leader.hold(max(REJECTED_SECONDS, self._refusals.pause_seconds))
            if self._term is not None:
                self._term.check_topic()
        except ApiError as error:
            leader.hold(self._baselinker.failed(error, self._api.answers, datetime.now(UTC)))
        except RegistryUnavailable as error:
            log.warning("the schema registry does not answer; waiting for it", error=str(error))
            leader.hold(AGAIN_SECONDS)
        finally:
            self._report_silence()
        return False

    def _begin(self, sources: RemoteSources, publisher: Publisher) -> Term:
        """Continue from the cursor's row, or begin one."""
        topic = sources.journal_topic(self._options.partitions)
        found = sources.cursor()
        if found is None and self._api.dated is None:
            sources.journal(0)  # it brings BaseLinker's time: the first marks must not be those of a wrong clock
        cursor = starting_cursor(found, topic, sources, self._options, self._clock.now())
        writer = JournalWriter(publisher, cursor, self._metrics)
        if cursor != found:
            writer.write([], cursor)
        return Term(sources, writer, self._options, self._silence, self._remembered, self._clock)

    def _report_silence(self) -> None:
        silent = self._silence.silent
        if silent is self._reported_silent:
            return
        self._reported_silent = silent
        self._metrics.journal_silent.set(int(silent))
        self._health.set_ready("journal", not silent, SILENT)
        if silent:
            log.error(SILENT)
        else:
            log.info("no alarm about a silent journal any more")

    def _lag(self) -> float:
        if (term := self._term) is None:
            return math.nan
        return max(0.0, (self._clock.now() - term.read_at).total_seconds())
