"""Builds one membership's pipeline: the only place that knows every part."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from processor.apis import Apis
from processor.clock import boottime
from processor.coalesce.stage import Coalesce
from processor.commit.refusals import Refusals
from processor.commit.stage import Commit
from processor.consume.rebalance import Rebalance
from processor.consume.source import Source
from processor.control.operator import Operator
from processor.control.report import Report
from processor.control.settings_watch import Live
from processor.deliver.lease import Lease
from processor.deliver.requests import Requests
from processor.deliver.stage import Deliver
from processor.deliver.state_machine import Limits
from processor.enrich.missing_orders import MissingOrders
from processor.enrich.stage import Enrich
from processor.membership import Membership
from processor.pipeline import Pipeline
from processor.record.breaker import DeadLetterBreaker
from processor.record.stage import Record
from processor.restore.ledger import Ledger
from processor.restore.restore import Restore
from processor.stages import Stages
from runtime.assignment_known import AssignmentKnown
from runtime.health import Health
from runtime.kafka import admin_config, consumer_config, cooperative, transactional_producer_config
from runtime.metrics import Metrics
from runtime.settings import Settings
from runtime.transaction import TransactionalWriter
from schemas.topics import Topics
