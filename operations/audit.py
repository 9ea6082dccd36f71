"""`bl2sm audit`: confirmed orders beside the ledger beside SALESmanago's events: missing, doubled, differing.

Reads only. Two cards' calls a hundred orders; a card that is not shown is told as such and proves nothing.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from clients import ContactCard, ExtEvent, Order, SalesManago
from operations.apis import open_apis, seconds_for
from operations.audit_order import JUST_READ, AuditFinding, is_new, judge, skip_of
from operations.backfill import pages
from operations.dead_letters import retryable
from operations.in_force import in_force
from operations.kafka_reads import KafkaReads
from operations.ledger_reads import RowAt
from operations.options import AsJson
from operations.output import age, command, line, note, print_json, progress, table
from operations.possible_doubles import (
    EXPLAINED,
    PossibleDouble,
    foreign_purchases,
    named,
    possible_doubles,
    sent_by_another,
)
from operations.times import read_span
from processor.decide.rule_settings import rule_settings
from processor.decide.rules import RuleSettings
from processor.deliver.cards import CardsOf, find_cards
from runtime.settings import load_settings
from schemas.records import Outcome

CARDS = 50
AT_ONCE = 50
LEFT_TO_ANOTHER = "retracted, another program's purchase is there"


@dataclass(frozen=True, slots=True)
class AuditReport:
    """`orders` confirmed; `sent` with exactly one purchase; `skipped` rightly without, by reason.

    `possibly_doubled` = another integration's purchases that look like one of ours.
    """

    since: datetime
    until: datetime
    orders: int
    sent: int
    skipped: Mapping[str, int]
    findings: tuple[AuditFinding, ...]
    requests: int
    possibly_doubled: tuple[PossibleDouble, ...] = ()


def audit_orders(
    orders: Sequence[Order],
    rows: Mapping[int, RowAt],
    cards: Sequence[ContactCard],
    rules: RuleSettings,
    secret: bytes,
    waiting: Collection[int] = (),
    read_to: datetime | None = None,
    letters: Mapping[int, str] | None = None,
) -> tuple[int, Counter[str], list[AuditFinding]]:
    """Compare; return how many are fine, skipped by reason, and what is wrong. Pure.

    `secret` is the fingerprints'; `waiting` are the orders of entries without an outcome; the journal was read up to
    `read_to`, None = never; `letters` = by order the keys of its dead letters that can be tried again.
    """
    events: dict[str, dict[str, ExtEvent]] = {}
    holders: dict[str, str] = {}
    for card in cards:
        for event in card.events:
            if event.type.upper() in {"PURCHASE", ""} and event.external_id:
                events.setdefault(event.external_id, {})[event.event_id] = event
                holders[event.event_id] = card.contact_id
    shown = {card.contact_id for card in cards}
    foreign = foreign_purchases(cards, {*rows, *(order.order_id for order in orders)})
    sent, skipped, findings = 0, Counter[str](), []
    for order in orders:
        row = rows[order.order_id].row if order.order_id in rows else None
        found = events.get(str(order.order_id), {})
        late = order.order_id in waiting or (row is None and is_new(order, read_to))
        letter = (letters or {}).get(order.order_id)
        finding = judge(order, row, found, holders, shown, rules, secret, late, letter)
        if finding is not None and finding.kind == "missing" and finding.mend.startswith("bl2sm replay"):
            other = sent_by_another(order, row.contact_id if row is not None else None, foreign)
            if other is not None and row is not None and row.outcome is Outcome.RETRACTED:
                skipped[LEFT_TO_ANOTHER] += 1
                continue
            if other is not None:
                why = f"{finding.why}; purchase {other.event.event_id} of another program ({named(other)}) may be its"
                finding = replace(finding, why=why, mend=f"look at it in SALESmanago; if it is not: {finding.mend}")
        if finding is not None:
            findings.append(finding)
        elif found:
            sent += 1
        else:
            skipped[skip_of(order, row, rules) or "nothing due"] += 1
    return sent, skipped, findings


def read_cards(
    sales: SalesManago, contact_ids: Collection[str], emails: Collection[str]
) -> Iterator[list[ContactCard]]:
    """Yield the cards of contacts, and of the e-mails (lower case) that are none of theirs."""
    ids, known = sorted(contact_ids), set[str]()
    for start in range(0, len(ids), CARDS):
        cards = find_cards(sales, [CardsOf(contacts=frozenset({one})) for one in ids[start : start + CARDS]])
        known |= {card.email.strip().lower() for card in cards}
        yield cards
    others = sorted(set(emails) - known)
    for start in range(0, len(others), CARDS):
        yield find_cards(sales, [CardsOf(email) for email in others[start : start + CARDS]])


def contacts_of(order_ids: Iterable[int], rows: Mapping[int, RowAt]) -> set[str]:
    """Return the contacts that the ledger names for orders."""
    found = (rows[order_id].row.contact_id for order_id in order_ids if order_id in rows)
    return {contact for contact in found if contact}


def emails_of(orders: Iterable[Order]) -> set[str]:
    """Return the orders' e-mails, in lower case."""
    return {order.email.strip().lower() for order in orders if "@" in order.email}


@command
def audit(
    since: Annotated[str, typer.Option(help="Orders confirmed since then: ISO date or time (UTC), or an age like 7d.")],
    until: Annotated[str | None, typer.Option(help="Orders confirmed until then; now if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Did every order get there, once? Exit 1 if one is missing, doubled or differs, or may be. Reads only.

    Example: bl2sm audit --since 2026-11-01 --until 2026-11-08
    """
    settings = load_settings(need="processor")
    begin, end = read_span(since, until, datetime.now(UTC))
    secret = settings.salesmanago_api_secret.get_secret_value().encode()
    with KafkaReads(settings) as reads, open_apis(settings) as apis:
        rules = rule_settings(in_force(reads))
        began, rows = datetime.now(UTC), reads.rows()
        in_time = sum(begin <= one.row.delivered_at <= end for one in rows.values())
        listing = max(1, math.ceil(in_time / 100))
        note(
            f"cost, by the ledger: about {listing} requests to BaseLinker ({age(seconds_for(settings, listing))}) and"
            f" {math.ceil(in_time / CARDS) + 1} to SALESmanago; nothing is written"
        )
        listed: dict[int, Order] = {}
        with progress("orders read", None) as done:
            for page in pages(apis.base, begin, end):
                listed |= {order.order_id: order for order in page}  # one confirmed anew meanwhile comes twice
                done(len(listed))
        orders = list(listed.values())
        waiting, cursor = reads.waiting_orders(), reads.cursor()
        rows |= reads.rows(began - JUST_READ)  # what became of orders while the others were listed
        letters: dict[int, str] = {}
        for one in reads.letters():
            if one.order_id is not None and retryable(one):
                letters[one.order_id] = f"{letters.get(one.order_id, '')} {one.key}".strip()
        cards: list[ContactCard] = []
        with progress("contacts' cards read", None) as done:
            for found in read_cards(apis.sales, contacts_of(listed, rows), emails_of(orders)):
                cards += found
                done(len(cards))
        read_to = cursor.read_at if cursor is not None else None
        sent, skipped, findings = audit_orders(orders, rows, cards, rules, secret, waiting, read_to, letters)
        foreign = foreign_purchases(cards, {*rows, *listed, *reads.rows(began - JUST_READ)})  # also what was sent since
        doubles = tuple(possible_doubles(orders, rows, cards, foreign))
        report = AuditReport(begin, end, len(orders), sent, dict(skipped), tuple(findings), apis.requests(), doubles)
    if as_json:
        print_json(report)
    else:
        line(f"{report.orders} orders confirmed from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC")
        line(f"with exactly one purchase: {report.sent}")
        for reason, count in skipped.most_common():
            line(
                f"{reason}: {count}" if reason == LEFT_TO_ANOTHER else f"not sent, as the rules say ({reason}): {count}"
            )
        line(f"missing, doubled or differing: {len(findings)}")
        line(f"possibly doubled by another integration: {len(doubles)}")
        if findings:
            table(["order", "what", "why", "mend"], [(one.order_id, one.kind, one.why, one.mend) for one in findings])
            replayed = [
                one.order_id for one in findings if one.mend == f"bl2sm replay --order {one.order_id} --execute"
            ]
            if 1 < len(replayed) <= AT_ONCE:
                options = " ".join(f"--order {number}" for number in replayed)
                note(f"what replay mends, at once: bl2sm replay {options} --execute")
            if any(f"retract --order {one.order_id} --execute" in one.mend for one in findings):
                note("retract wants the processors stopped (not with --extra), replay wants them running again")
        if doubles:
            _print_doubles(doubles)
    raise typer.Exit(1 if findings or doubles else 0)


def _print_doubles(doubles: Sequence[PossibleDouble]) -> None:
    line()
    table(
        ["order", "purchase", "other purchase", "its external id", "value", "apart", "mend"],
        [
            (
                one.order_id, one.event_id, one.other_event_id, one.other_external_id, one.value,
                age(one.apart.total_seconds()), one.mend,
            )
            for one in doubles
        ],
    )  # fmt: skip
    note(EXPLAINED)
