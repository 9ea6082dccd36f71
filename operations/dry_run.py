"""What the processors would decide about the last orders, values of the environment first; nothing is written.

Reads the journal without a group of its own to commit to, and the orders at the tools' pace.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from clients import BaseLinker
from operations.explain import hide
from operations.in_force import to_be_tried
from operations.journal_reads import EntryAt
from operations.kafka_reads import KafkaReads
from operations.output import json_ready
from processor.clock import boottime
from processor.decide.rules import Enriched, RuleSettings, Send, decide
from processor.enrich.enricher import Enricher
from processor.job import PURCHASE_TYPES
from processor.main import rule_settings

BATCH = 300
LOOK_UPS = 2  # before the decisions made so far are told: each costs several requests


@dataclass(frozen=True, slots=True)
class Decision:
    """One order's; `decision` is send or skip. `payload` has personal data hidden unless revealed."""

    order_id: int
    log_id: int
    decision: str
    reason: str | None
    purchase: bool
    source: str
    tags: tuple[str, ...]
    value: str | None
    payload: Mapping[str, Any] | None


def dry_run(
    reads: KafkaReads, base: BaseLinker, since: datetime, limit: int, reveal: bool, rules: RuleSettings | None = None
) -> Iterator[Decision]:
    """Yield a decision per order, of the newest orders, as they are read; ApiError where BaseLinker fails.

    `rules` None = those of the environment, over the saved ones.
    """
    jobs = _jobs(reads, since)
    newest = sorted(jobs, key=lambda order_id: max(one.written_at for one in jobs[order_id]), reverse=True)
    wanted = iter(sorted(newest[:limit]))
    rules = rules or rule_settings(to_be_tried(reads))
    enricher = Enricher(base, rules, boottime)
    while left := list(islice(wanted, BATCH)):
        while left:
            read = enricher.enrich(left, LOOK_UPS)
            for order_id in [one for one in left if one in read]:
                yield _decision(order_id, read[order_id], jobs[order_id], rules, reveal)
            left = [order_id for order_id in left if order_id not in read]


def count_orders(reads: KafkaReads, since: datetime) -> int:
    """Return how many orders the journal names since then."""
    return len(_jobs(reads, since))


def _jobs(reads: KafkaReads, since: datetime) -> dict[int, list[EntryAt]]:
    topic = reads.topics.journal
    ends = {number: end for number, (_, end) in reads.log_ends(topic).items()}
    jobs: dict[int, list[EntryAt]] = {}
    for found in reads.entries(reads.offsets_at(topic, since), ends):
        if found.entry is not None:
            jobs.setdefault(found.entry.order_id, []).append(found)
    return jobs


def _decision(order_id: int, enriched: Enriched, found: list[EntryAt], rules: RuleSettings, reveal: bool) -> Decision:
    entries = [one.entry for one in found if one.entry is not None]
    purchase = any(entry.log_type in PURCHASE_TYPES for entry in entries)
    log_id = max(entry.log_id for entry in entries)
    verdict = decide(enriched, purchase, rules)
    source = enriched.order.order_source if enriched.order is not None else ""
    if not isinstance(verdict, Send):
        return Decision(order_id, log_id, "skip", str(verdict.reason), purchase, source, (), None, None)
    payload = verdict.contact.to_json()
    if not reveal:
        payload["contact"] = hide(payload["contact"])
    if verdict.purchase is not None:
        payload["contactEvent"] = json_ready(verdict.purchase.to_json())
    value = str(verdict.purchase.value) if verdict.purchase is not None else None
    return Decision(order_id, log_id, "send", None, purchase, source, verdict.contact.tags, value, payload)
