"""Builds one membership of the group: the only place that knows every part."""

import uuid
from dataclasses import dataclass

from confluent_kafka import Producer

from processor.apis import Apis
from processor.clock import boottime
from processor.coalesce.stage import Coalesce
from processor.commit.stage import Commit
from processor.consume.rebalance import Rebalance
from processor.consume.source import Source
from processor.control.flow import Flow
from processor.control.operator import Operator
from processor.control.report import Report
from processor.control.settings_watch import SettingsWatch
from processor.decide.judge import Judge
from processor.decide.rule_settings import rule_settings
from processor.deliver.lease import Lease
from processor.deliver.requests import Requests
from processor.deliver.stage import Deliver
from processor.deliver.state_machine import Limits
from processor.enrich.missing_orders import MissingOrders
from processor.enrich.stage import Enrich
from processor.kafka_clients import KafkaClients
from processor.membership import Membership, Turn
from processor.partitions import Partitions
from processor.pipeline import Pipeline
from processor.record.breaker import DeadLetterBreaker
from processor.record.stage import Record
from processor.restore.ledger import Ledger
from processor.restore.restore import Restore
from processor.restore.topic_identity import TopicWatch
from processor.stages import Stages
from runtime.broker_watch import BrokerWatch
from runtime.compacted_reader import CompactedReader
from runtime.health import Health
from runtime.kafka import cooperative, transactional_producer_config
from runtime.metrics import Metrics
from runtime.refusals import Refusals
from runtime.settings import Settings
from runtime.settings_overlay import merged
from runtime.transaction import TransactionalWriter
from schemas.codec import Codec
from schemas.topics import Topics

AFTER_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Observability:
    """Where the outside sees what is going on."""

    health: Health
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Lasting:
    """What outlives a membership: the APIs, and what is known of them and of Kafka."""

    apis: Apis
    codec: Codec
    dead_letters: DeadLetterBreaker
    refusals: Refusals


def build(
    settings: Settings, count: int, kafka: KafkaClients, lasting: Lasting, seen: Observability, patient: bool
) -> tuple[Membership, Stages]:
    """Build everything, from the sink to the source; `patient` = it waits where a person is needed."""
    topics, codec, apis = Topics(settings.topic_prefix), lasting.codec, lasting.apis
    health, metrics, limits = seen.health, seen.metrics, Limits.of(settings)
    lease, ledger = Lease(settings.session_timeout_ms / 2000, boottime), Ledger(codec)
    name = f"{settings.group_id}-{uuid.uuid4()}"  # of its own: one that is shared would be fenced by its namesake
    writer = TransactionalWriter(lambda: Producer(transactional_producer_config(settings, name)))
    saved = SettingsWatch(
        CompactedReader(kafka.follower, kafka.admin, topics.settings),
        codec,
        lambda saved: rule_settings(merged(settings, saved)),
    )
    rows = CompactedReader(kafka.loader, kafka.admin, topics.deliveries)
    identity = TopicWatch(kafka.admin, topics, count, boottime)

    stages = Stages(
        source=Source(kafka.member, codec, topics.journal),
        coalesce=Coalesce(ledger, limits.takeover_seconds),
        enrich=Enrich(
            apis.enricher(saved.rules),
            apis.baselinker_breaker,
            MissingOrders(settings.max_consecutive_dead_letters, patient),
            limits.attempts,
        ),
        deliver=Deliver(
            Requests(apis.salesmanago, lease, limits, boottime), apis.salesmanago_breaker, limits, boottime
        ),
        record=Record(lasting.dead_letters, codec, metrics, topics.journal, patient),
        commit=Commit(writer, kafka.member.consumer_group_metadata, topics, codec, lasting.refusals),
    )
    turn = Turn(lease, health)
    pipeline = Pipeline(
        stages,
        Judge(settings.salesmanago_api_secret.get_secret_value().encode(), metrics.currencies.note),
        saved.rules,
    )
    partitions = Partitions(
        pipeline,
        Restore(kafka.member, kafka.admin, topics, rows, ledger, identity),
        limits.create_timeout_seconds + AFTER_TIMEOUT_SECONDS,
        turn.note,
    )
    membership = Membership(
        Flow(pipeline, partitions, Operator(saved, health, metrics, patient), turn.note),
        partitions,
        Rebalance(kafka.member, topics.journal, kafka.known, cooperative(settings)),
        Report(stages, topics.journal, health, metrics, lambda: apis.pacer.blocked_until),
        [identity, BrokerWatch(kafka.admin, topics.deliveries, health, boottime)],
        turn,
    )
    return membership, stages
