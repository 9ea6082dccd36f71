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
from operations.kafka_reads import EntryAt, KafkaReads
from operations.output import json_ready
from processor.clock import boottime
from processor.enrich import Enricher
from processor.jobs import PURCHASE_TYPES
from processor.main import rule_settings
from processor.rules import Enriched, Send, decide

BATCH = 300


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


def dry_run(reads: KafkaReads, base: BaseLinker, since: datetime, limit: int, reveal: bool) -> Iterator[Decision]:
    """Yield a decision per order, of the newest orders; ApiError where BaseLinker fails."""
    topic = reads.topics.journal
    ends = {number: end for number, (_, end) in reads.log_ends(topic).items()}
    jobs: dict[int, list[EntryAt]] = {}
    for found in reads.entries(reads.offsets_at(topic, since), ends):
        if found.entry is not None:
            jobs.setdefault(found.entry.order_id, []).append(found)
    newest = sorted(jobs, key=lambda order_id: max(one.written_at for one in jobs[order_id]), reverse=True)
    wanted = iter(sorted(newest[:limit]))
    rules = rule_settings(to_be_tried(reads))
    enricher = Enricher(base, rules, boottime)
    while batch := list(islice(wanted, BATCH)):
        enriched: dict[int, Enriched] = {}
        while left := [order_id for order_id in batch if order_id not in enriched]:
            enriched |= enricher.enrich(left)
        for order_id in batch:
            entries = [one.entry for one in jobs[order_id] if one.entry is not None]
            purchase = any(entry.log_type in PURCHASE_TYPES for entry in entries)
            order = enriched[order_id].order
            verdict = decide(enriched[order_id], purchase, rules)
            log_id = max(entry.log_id for entry in entries)
            source = order.order_source if order is not None else ""
            if not isinstance(verdict, Send):
                yield Decision(order_id, log_id, "skip", str(verdict.reason), purchase, source, (), None, None)
                continue
            payload = verdict.contact.to_json()
            if not reveal:
                payload["contact"] = hide(payload["contact"])
            if verdict.purchase is not None:
                payload["contactEvent"] = json_ready(verdict.purchase.to_json())
            value = str(verdict.purchase.value) if verdict.purchase is not None else None
            yield Decision(order_id, log_id, "send", None, purchase, source, verdict.contact.tags, value, payload)
