"""Joins the group again and again until stopped: a lost lease or a fenced producer ends only a membership."""

from threading import Event

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from clients.pacing import processor_share
from processor.apis import Apis
from processor.clock import boottime
from processor.consume.caught_up import GroupCaughtUp
from processor.consume.other_groups import other_groups
from processor.errors import NeedsOperator, Rejoin
from processor.kafka_clients import connect
from processor.membership import Membership
from processor.record.breaker import DeadLetterBreaker
from processor.restore.partition_count import check_partition_count
from processor.stages import Stages
from processor.wiring import Lasting, Observability, build
from runtime.client_errors import describe
from runtime.kafka import admin_config
from runtime.logging import get_logger
from runtime.program import wait_for_topics
from runtime.refusals import Refusals
from runtime.settings import Settings
from runtime.transaction import Fenced
from schemas.codec import RegistryUnavailable, make_codec
from schemas.topics import Topics

OTHER_GROUPS_SECONDS, AGAIN_SECONDS = 5, 2.0

log = get_logger(__name__)


class Supervisor:
    """Without patience (`--until-caught-up`) it ends once nothing is left, and where a person is needed."""

    def __init__(self, settings: Settings, patient: bool, stop: Event, seen: Observability) -> None:
        self._settings, self._patient, self._stop, self._seen = settings, patient, stop, seen
        self._topics = Topics(settings.topic_prefix)

    def run(self) -> bool:
        """Work until stopped; True when all is done, without patience. NeedsOperator, TopicProblem."""
        admin = AdminClient(admin_config(self._settings))
        apis = Apis(self._settings, self._seen.metrics, self._patient)
        lasting = Lasting(
            apis,
            make_codec(self._topics, self._settings.schema_registry),
            DeadLetterBreaker(self._settings.max_consecutive_dead_letters),
            Refusals(self._seen.health),
        )
        try:
            if self._partitions(admin) is not None:
                apis.greet(self._stop, self._seen.health)
            while not self._stop.is_set():
                try:
                    count = self._partitions(admin)
                    if count is None or self._alone(admin):
                        return count is not None and self._join(admin, count, lasting)
                except (Rejoin, Fenced) as error:
                    log.warning("giving up all partitions and joining again", why=str(error))
                    self._stop.wait(lasting.refusals.pause_seconds)
                except RegistryUnavailable as error:
                    log.warning("the schema registry does not answer; waiting for it", error=str(error))
                    self._stop.wait(AGAIN_SECONDS)
                except KafkaException as error:
                    log.warning("Kafka error; joining the group again", error=describe(error))
                    self._stop.wait(AGAIN_SECONDS)
            return False
        finally:
            apis.close()

    def _join(self, admin: AdminClient, count: int, lasting: Lasting) -> bool:
        """Be a member once: until stopped, caught up (True), or removed from the group."""
        settings, pacer = self._settings, lasting.apis.pacer
        kafka = connect(settings, admin)
        membership: Membership | None = None
        stages: Stages | None = None

        def owns(partitions: int) -> None:
            budget, interval = settings.baselinker_requests_per_minute, settings.poll_interval_seconds
            pacer.set_rate(processor_share(budget, interval, partitions, count))

        try:
            check_partition_count(kafka.loader, admin, self._topics, lasting.codec, count)
            membership, stages = build(settings, count, kafka, lasting, self._seen, self._patient)
            stages.commit.open()
            group = GroupCaughtUp(kafka.member, kafka.loader, self._topics.journal, count, boottime)
            return membership.run(self._stop.is_set, owns, None if self._patient else group.reached)
        finally:
            pacer.set_rate(0.0)  # what an old look-up thread still asks would be beyond the others' shares
            if membership is not None:
                membership.leave()
            kafka.close()
            if stages is not None:
                stages.close()

    def _partitions(self, admin: AdminClient) -> int | None:
        return wait_for_topics(admin, self._topics, self._settings, self._stop, self._seen.health)

    def _alone(self, admin: AdminClient) -> bool:
        """Whether no other group works on this journal; without patience NeedsOperator, else a wait."""
        settings = self._settings
        try:
            names = other_groups(admin, settings, self._topics.journal)
        except KafkaException as error:  # a coordinator does not answer: nobody can record anything there either
            log.warning("whether another group is at work is not known; continuing", error=describe(error))
            return True
        if not names:
            return True
        why = (
            f"processors of group {', '.join(names)} work on {self._topics.journal}, and side by side with"
            f" {settings.group_id} they would send orders twice: stop them, or give this one their GROUP_ID"
        )
        if not self._patient:
            raise NeedsOperator(why)
        self._seen.health.set_ready("assignment", False, why)
        log.warning("waiting until no other group is at work", why=why)
        for _ in range(OTHER_GROUPS_SECONDS):
            self._seen.health.turn()
            self._stop.wait(1.0)
        return False
