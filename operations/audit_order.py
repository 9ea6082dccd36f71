"""What the audit says of one order: as it should be, or what is wrong and which commands fix it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from clients import ExtEvent, Order
from operations.differing import at_another_rate, differences
from processor.decide.currency import money_of
from processor.decide.fingerprint import fingerprint
from processor.decide.mapping import date_of
from processor.decide.rules import RuleSettings, before_email, first_stop, is_anonymous, purchase_of
from schemas.records import Delivery, Outcome

JUST_READ = timedelta(seconds=60)  # what is read is judged within seconds, unless it waits


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One order that is not as it should be: missing, doubled, differing or unseen; why, and what mends it."""

    order_id: int
    kind: str
    why: str
    mend: str


def judge(
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
    """Return what is wrong with an order, None = nothing; the arguments are as `audit_orders` has them.

    `events` = its purchases by event id, `holders` = on which contacts these are, `late` = it may be on its way.
    """
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
                " SALESmanago, or is it another user's (see `bl2sm check`)? Only where the purchase is with no other"
                " contact it is to be sent anew", anew,
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
    money = money_of(order, rules.currency)
    if at_another_rate(money, now, event, lambda one: fingerprint(one.to_json(), secret) == sent):
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
    skip = skip_of(order, row, rules)
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


def skip_of(order: Order, row: Delivery | None, rules: RuleSettings) -> str | None:
    """Why the rules leave it out; None = they would send it. The Allegro match is taken from the ledger."""
    stop = first_stop(before_email(order, rules))
    if stop is not None:
        return str(stop)
    skipped = row is not None and row.outcome is Outcome.SKIPPED
    if is_anonymous(order, rules):
        return row.reason if skipped and row is not None else None
    if not order.email.strip():
        return "no_email"
    return row.reason if skipped and row is not None and row.reason in {"invalid_email", "undated"} else None


def is_new(order: Order, read_to: datetime | None) -> bool:
    """Whether the producer has not asked BaseLinker since the order was confirmed."""
    return read_to is not None and order.date_confirmed is not None and order.date_confirmed > read_to - JUST_READ
