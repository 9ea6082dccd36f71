"""`bl2sm audit`: confirmed orders beside the ledger beside SALESmanago's events: missing, doubled, differing.

Reads only. Two cards' calls a hundred orders; a card that is not shown is told as such and proves nothing.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from clients import ContactCard, ExtEvent, Order, SalesManago
from operations.apis import open_apis, seconds_for
from operations.backfill import pages
from operations.dead_letters import retryable
from operations.differing import at_another_rate, differences
from operations.in_force import in_force
from operations.kafka_reads import KafkaReads
from operations.ledger_reads import RowAt
from operations.options import AsJson
from operations.output import age, command, line, note, print_json, progress, table
from operations.times import read_span
from processor.decide.currency import money_of
from processor.decide.fingerprint import fingerprint
from processor.decide.mapping import date_of
from processor.decide.rules import RuleSettings, before_email, first_stop, is_anonymous, purchase_of
from processor.main import rule_settings
from runtime.settings import load_settings
from schemas.records import Delivery, Outcome

CARDS = 50
AT_ONCE = 50
JUST_READ = timedelta(seconds=60)  # what is read is judged within seconds, unless it waits


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One order that is not as it should be: missing, doubled, differing or unseen; why, and what mends it."""

    order_id: int
    kind: str
    why: str
    mend: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """`orders` confirmed; `sent` with exactly one purchase; `skipped` rightly without, by reason."""

    since: datetime
    until: datetime
    orders: int
    sent: int
    skipped: Mapping[str, int]
    findings: tuple[AuditFinding, ...]
    requests: int


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
    sent, skipped, findings = 0, Counter[str](), []
    for order in orders:
        row = rows[order.order_id].row if order.order_id in rows else None
        found = events.get(str(order.order_id), {})
        late = order.order_id in waiting or (row is None and _is_new(order, read_to))
        letter = (letters or {}).get(order.order_id)
        finding = _judge(order, row, found, holders, shown, rules, secret, late, letter)
        if finding is not None:
            findings.append(finding)
        elif found:
            sent += 1
        else:
            skipped[_skip(order, row, rules) or "nothing due"] += 1
    return sent, skipped, findings


def read_cards(
    sales: SalesManago, contact_ids: Collection[str], emails: Collection[str]
) -> Iterator[list[ContactCard]]:
    """Yield the cards of contacts, and of the e-mails (lower case) that are none of theirs."""
    ids, known = sorted(contact_ids), set[str]()
    for start in range(0, len(ids), CARDS):
        cards = sales.contacts_by_id(ids[start : start + CARDS])
        known |= {card.email.strip().lower() for card in cards}
        yield cards
    others = sorted(set(emails) - known)
    for start in range(0, len(others), CARDS):
        yield sales.contacts_by_email(others[start : start + CARDS])


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
    """Did every order get there, once? Exit 1 if one is missing, doubled or differs. Reads only.

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
        report = AuditReport(begin, end, len(orders), sent, dict(skipped), tuple(findings), apis.requests())
    if as_json:
        print_json(report)
    else:
        line(f"{report.orders} orders confirmed from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC")
        line(f"with exactly one purchase: {report.sent}")
        for reason, count in skipped.most_common():
            line(f"not sent, as the rules say ({reason}): {count}")
        line(f"missing, doubled or differing: {len(findings)}")
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
    raise typer.Exit(1 if findings else 0)


def _judge(
    order: Order,
    row: Delivery | None,
    events: Mapping[str, ExtEvent],
    holders: Mapping[str, str],
    shown: set[str],
    rules: RuleSettings,
    secret: bytes,
    late: bool,
    letter: str | None,
) -> AuditFinding | None:
    number = order.order_id
    replay = f"bl2sm replay --order {number} --execute"
    anew = f"bl2sm retract --order {number} --execute, then {replay}"
    if len(events) > 1:
        own = row.contact_id if row is not None else None
        others = sorted({holders[one] for one in events} - {own})
        where = "".join(f" --contact {contact}" for contact in others)
        extra = f"bl2sm retract --order {number} --extra{where} --execute"
        if row is None or not row.event_id:
            ours, mend = "the ledger names none of them", f"{replay}, then {extra}"
        elif row.event_id in events:
            ours, mend = f"the ledger names {row.event_id}", extra
        else:
            ours, mend = f"the ledger names {row.event_id}, which is none of them", f"{anew}, then {extra}"
        return AuditFinding(
            number, "doubled",
            f"SALESmanago shows {len(events)} purchases ({', '.join(sorted(events))}), {ours}: does another program"
            " write purchases, too?", mend,
        )  # fmt: skip
    if events:
        event_id, event = next(iter(events.items()))
        if row is None or not row.event_id:
            if late or (row is not None and row.outcome is Outcome.SENDING):
                return None
            return AuditFinding(
                number, "differing", f"purchase {event_id} is there, the ledger does not name it: a replay adopts it",
                replay,
            )  # fmt: skip
        if row.event_id != event_id:
            return AuditFinding(
                number, "differing", f"SALESmanago shows {event_id}, the ledger names {row.event_id}: the one"
                " shown is taken as the order's", anew,
            )  # fmt: skip
        return _compare(order, row, event, rules, secret)
    if row is not None and row.event_id:
        if row.contact_id not in shown:
            return AuditFinding(
                number, "unseen", f"the card of contact {row.contact_id} is not shown: was it merged or deleted in"
                " SALESmanago? Only where the purchase is with no other contact it is to be sent anew", anew,
            )  # fmt: skip
        return AuditFinding(
            number, "missing", f"the ledger names {row.event_id}, SALESmanago does not show it: was it deleted there?",
            anew,
        )  # fmt: skip
    return _without(order, row, rules, late, letter)


def _compare(order: Order, row: Delivery, event: ExtEvent, rules: RuleSettings, secret: bytes) -> AuditFinding | None:
    """Whether the purchase is what would be sent now, and who changed something: we sent what the fingerprint says."""
    if first_stop(before_email(order, rules)) is not None or date_of(order) is None:
        return None  # today nothing would be sent
    now = purchase_of(order, rules)
    if not (found := differences(now, event)):
        return None
    sent = (row.fingerprint or "").partition(".")[2]
    if at_another_rate(
        money_of(order, rules.currency), now, event, lambda one: fingerprint(one.to_json(), secret) == sent
    ):
        return None
    if row.reason == "adopted":
        why = "another program made it, it was left as it is"
    elif sent and sent == fingerprint(now.to_json(), secret):
        why = "it was changed in SALESmanago after it was sent"
    else:
        why = "the order or the settings changed after it was sent"
    return AuditFinding(
        order.order_id, "differing", f"{why}: {'; '.join(found)}", f"bl2sm replay --order {order.order_id} --execute"
    )


def _without(
    order: Order, row: Delivery | None, rules: RuleSettings, late: bool, letter: str | None
) -> AuditFinding | None:
    number = order.order_id
    replay = f"bl2sm replay --order {number} --execute"
    skip = _skip(order, row, rules)
    if late and skip is None:
        return AuditFinding(number, "missing", "not sent yet: it waits, or is newer than what was read", "bl2sm status")
    if row is None:
        if skip is not None:
            return None
        return AuditFinding(number, "missing", "no row in the ledger", replay)
    if row.outcome is Outcome.DEAD:
        if letter is not None:
            mend = f"bl2sm dead-letters retry {letter} --execute"
            return AuditFinding(number, "missing", f"dead letter ({row.reason}): mend its cause first", mend)
        why = f"was a dead letter ({row.reason}), which is off the list: mend its cause first"
        return AuditFinding(number, "missing", why, replay)
    if row.outcome is Outcome.SENDING:
        why = "is being sent; where no processor runs, its successor looks it up first"
        return AuditFinding(number, "missing", why, "bl2sm status")
    if row.outcome is Outcome.RETRACTED:
        return AuditFinding(number, "missing", "was retracted", replay)
    if row.outcome is Outcome.SKIPPED and skip is None:
        return AuditFinding(
            number, "missing", f"was skipped ({row.reason}), today's rules would send it",
            replay,
        )  # fmt: skip
    if row.outcome is Outcome.DELIVERED:
        return AuditFinding(number, "missing", "only its contact was written", replay)
    return None


def _skip(order: Order, row: Delivery | None, rules: RuleSettings) -> str | None:
    """Why the rules leave it out; None = they would send it. The match by phone is taken from the ledger."""
    stop = first_stop(before_email(order, rules))
    if stop is not None:
        return str(stop)
    skipped = row is not None and row.outcome is Outcome.SKIPPED
    if is_anonymous(order, rules):
        return row.reason if skipped and row is not None else None
    if not order.email.strip():
        return "no_email"
    return row.reason if skipped and row is not None and row.reason in {"invalid_email", "undated"} else None


def _is_new(order: Order, read_to: datetime | None) -> bool:
    """Whether the producer has not asked BaseLinker since the order was confirmed."""
    return read_to is not None and order.date_confirmed is not None and order.date_confirmed > read_to - JUST_READ
