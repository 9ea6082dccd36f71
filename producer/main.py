"""`python -m producer`: stands by or leads, until told to stop (or caught up). Exit 0 fine, 1 a problem, 2 settings."""

import argparse
import signal
import sys
import time
import warnings
from collections.abc import Sequence
from datetime import timedelta
from threading import Event

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from clients import ApiError, BackpressureError, BaseLinker, FatalError, Http, Pacer, PacerClosed
from clients.pacing import producer_rate
from producer.leader import Leader, LeadLost, Stopped
from producer.poll import Plan, Poll
from producer.publish import Fenced, Publisher
from runtime.health import Health, HealthServer
from runtime.kafka import admin_config, consumer_config, transactional_producer_config
from runtime.logging import configure_logging, get_logger
from runtime.metrics import Metrics
from runtime.settings import Settings, SettingsError, load_settings
from schemas.codec import Codec, make_codec
from schemas.registry import RegistryUnavailable
from schemas.topics import TopicProblem, Topics, ensure_topics

LEAD_SECONDS = 60.0

log = get_logger(__name__)


class Wrong(Exception):
    """The program can't go on until a person mends something; the sentence says what."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one producer."""
    parser = argparse.ArgumentParser(prog="producer", description="Turns BaseLinker's journal into Kafka messages.")
    parser.add_argument("--until-caught-up", action="store_true", help="end when the journal is read (for cron, tests)")
    options = parser.parse_args(argv)
    warnings.showwarning = lambda message, *_, **__: print(message, file=sys.stderr)
    try:
        settings = load_settings(need="producer")
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    configure_logging(settings.log_level, settings.log_format, settings.secrets)
    stop = Event()
    pacer = Pacer(producer_rate(settings.poll_interval_seconds))

    def end(*_: object) -> None:
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, end)
    health, metrics = Health(), Metrics()
    server = HealthServer(settings.http_port, health, metrics.registry) if settings.http_port is not None else None
    try:
        return Program(settings, stop, pacer, health, metrics, options.until_caught_up).run()
    except Stopped:
        return 0
    except (TopicProblem, Wrong) as error:
        log.error("stopped", why=str(error))
        return 1
    finally:
        pacer.close()
        if server is not None:
            server.close()


class Program:
    """Terms of leadership, one after the other."""

    def __init__(
        self, settings: Settings, stop: Event, pacer: Pacer, health: Health, metrics: Metrics, until_caught_up: bool
    ) -> None:
        self._settings, self._stop, self._health, self._metrics = settings, stop, health, metrics
        self._until_caught_up = until_caught_up
        self._topics = Topics(settings.topic_prefix)
        self._admin = AdminClient(admin_config(settings))
        self._codec: Codec = make_codec(self._topics, settings.schema_registry)
        self._api = BaseLinker(
            Http("BaseLinker", 30.0, 2),
            settings.baselinker_api_url,
            settings.baselinker_token.get_secret_value(),
            pacer,
            counted=lambda method: metrics.baselinker_requests.labels(method=method).inc(),
        )
        self._answered = False

    def run(self) -> int:
        """Stand by and lead until told to stop."""
        partitions = self._partitions()
        settings = self._settings
        plan = Plan(
            settings.start_from,
            timedelta(seconds=settings.poll_interval_seconds),
            timedelta(seconds=settings.sweep_interval_seconds) if settings.sweep_interval_seconds else None,
            partitions,
        )
        properties = settings.kafka_properties
        cooperative = properties.get("group.protocol") == "consumer" or "cooperative" in properties.get(
            "partition.assignment.strategy", ""
        )
        leader = Leader(
            lambda: Consumer(consumer_config(settings, f"{settings.topic_prefix}-producer")),
            self._admin,
            self._topics,
            self._codec,
            self._stop.is_set,
            self._health,
            cooperative,
        )
        try:
            began = time.monotonic()
            while True:
                if not leader.leads:
                    self._health.set_ready("leadership", True)
                    self._metrics.leader.set(0)
                    if self._until_caught_up and time.monotonic() - began > LEAD_SECONDS:
                        log.info("another producer leads and reads the journal: nothing to do")
                        return 0
                    leader.wait(0.2)
                    continue
                if self._term(leader, plan):
                    return 0
        finally:
            leader.close()

    def _term(self, leader: Leader, plan: Plan) -> bool:
        """Lead until the lead is lost; True when caught up."""
        settings = self._settings
        try:
            producer = Producer(transactional_producer_config(settings, f"{settings.topic_prefix}-producer"))
            publisher = Publisher(producer, self._codec, self._topics)
            cursor = leader.read_cursor()
            if cursor is not None and cursor.journal_partitions != plan.partitions:
                raise Wrong(
                    f"{self._topics.journal} has {plan.partitions} partitions and had {cursor.journal_partitions}: rows"
                    " would be looked up in the wrong place. Move to a new TOPIC_PREFIX"
                )
            self._metrics.leader.set(1)
            poll: Poll | None = None
            pause = 1.0
            while leader.leads:
                try:
                    if poll is None:
                        poll = Poll(self._api, leader, publisher, cursor, plan, self._metrics)
                    poll.run_once(thorough=self._until_caught_up)
                    self._fine()
                    pause = 1.0
                    if self._until_caught_up:
                        return True
                    leader.wait(plan.poll.total_seconds())
                except ApiError as error:
                    leader.wait(self._pause(error, pause))
                    pause = min(60.0, pause * 2)
                except RegistryUnavailable as error:
                    log.warning("schema registry away: waiting for it", error=str(error))
                    leader.wait(2.0)
        except (Fenced, LeadLost) as error:
            log.warning("gave up the lead", why=str(error) or "another producer has it")
            leader.wait(1.0)
        except PacerClosed:
            raise Stopped from None
        except KafkaException as error:
            log.warning("Kafka can't go on; trying again", error=str(error))
            leader.wait(2.0)
        return False

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
            return 60.0
        if isinstance(error, BackpressureError) and error.retry_at is not None:
            seconds = max(1.0, error.retry_at.timestamp() - time.time())
            log.warning("BaseLinker asks to wait", seconds=round(seconds), why=str(error))
            return seconds
        log.warning("BaseLinker did not answer; trying again", error=str(error))
        return pause

    def _partitions(self) -> int:
        while not self._stop.is_set():
            self._health.turn()
            try:
                count = ensure_topics(self._admin, self._topics, self._settings.journal_partitions, seconds=5.0)
                self._health.set_ready("broker", True)
                return count
            except KafkaException as error:
                self._health.set_ready("broker", False, "Kafka does not answer")
                servers = self._settings.kafka_bootstrap_servers
                log.warning("Kafka does not answer; waiting", servers=servers, error=str(error))
                self._stop.wait(2.0)
        raise Stopped
