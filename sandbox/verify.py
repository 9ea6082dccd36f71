"""Does what the sandbox received equal what should have arrived? Every difference in words; exit 0 only without any."""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sandbox.expected import Choice, Expectation, expect
from sandbox.remote import fetch_state
from sandbox.server import LOCATION

VERSION = re.compile(r"(\d+) v(\d+)$")


def differences(base: Mapping[str, Any], sales: Mapping[str, Any], choice: Choice) -> list[str]:
    """Return every difference between what should be and what is.

    An order that was edited meanwhile may have been written to each of its e-mails; its newest state must be written
    last, to the newest one (told by the buyers' names in a shop with `--versions`).
    """
    expected = expect(base, choice)
    found: list[str] = list(sales["violations"])
    contacts = {contact["contactId"]: contact for contact in sales["contacts"]}
    by_email = {contact["email"]: contact for contact in contacts.values()}
    events: dict[str, list[Mapping[str, Any]]] = {}
    for event in sales["events"]:
        events.setdefault(str(event.get("externalId")), []).append(event)
    must: dict[str, set[str]] = {}
    may: dict[str, set[str]] = {}
    for one in expected:
        found += _order(one, events.pop(str(one.order_id), []), contacts, choice)
        if one.email is not None and (not one.by_phone or one.emails == {one.email}):
            must.setdefault(one.email, set()).update(one.tags)  # a buyer edited later had it sent to the former e-mail
        for email in one.emails:
            may.setdefault(email, set()).update(one.tags)
    found += [f"order {external_id}: has a purchase and should have none" for external_id in events]
    for email in must.keys() | by_email.keys():
        if email not in by_email:
            found.append("a contact is missing in SALESmanago")
        elif email not in may:
            found.append("a contact is in SALESmanago and should not be")
        elif not must.get(email, set()) <= set(by_email[email]["tags"]) <= may[email]:
            found.append(f"a contact has tags {by_email[email]['tags']}, expected {sorted(may[email])}")
    found += _versions(sales["writes"], expected)
    if base["blocks"]:
        found.append(f"BaseLinker blocked the token {base['blocks']} times")
    return found


def _versions(writes: Sequence[Mapping[str, Any]], expected: Sequence[Expectation]) -> list[str]:
    """An order's states were written in their order, and the newest one is the last."""
    found = []
    last: dict[int, tuple[int, str]] = {}
    for write in writes:
        named = VERSION.search(write.get("name", "")) if write["kind"] == "contact" else None
        if named is None:
            continue
        order_id, version = int(named[1]), int(named[2])
        before = last.get(order_id, (-1, ""))[0]
        if version < before:
            found.append(f"order {order_id}: version {version} was written after version {before}")
        last[order_id] = version, write["email"]
    for one in expected:
        named = VERSION.search(one.order["delivery_fullname"])
        if named is None or one.email is None:
            continue
        version, email = last.get(one.order_id, (-1, ""))
        if version != int(named[2]):
            found.append(f"order {one.order_id}: version {version} was written last, the newest is {named[2]}")
        elif email not in (one.emails if one.by_phone else {one.email}):
            found.append(f"order {one.order_id}: its newest version was written to another contact")
    return found


def _order(
    one: Expectation, events: Sequence[Mapping[str, Any]], contacts: Mapping[str, Mapping[str, Any]], choice: Choice
) -> list[str]:
    name = f"order {one.order_id}"
    if len(events) != one.purchase:
        return [f"{name}: has {len(events)} purchases, expected {int(one.purchase)} ({one.reason})"]
    if not one.purchase:
        return []
    event = events[0]
    wrong = []
    if contacts.get(event["contactId"], {}).get("email") not in one.emails:
        wrong.append(f"{name}: the purchase lies with another contact")
    for what, got, wanted in (
        ("value", Decimal(str(event.get("value"))).quantize(Decimal("0.01")), one.value),
        ("date", event.get("date"), one.date_ms),
        ("location", event.get("location"), choice.location),
        ("products", event.get("products", ""), one.products),
        ("type", event.get("contactExtEventType"), "PURCHASE"),
        ("description", event.get("description", ""), one.order["payment_method"]),
        ("detail4", event.get("detail4", ""), one.order["order_source"]),
        ("detail9", event.get("detail9", ""), one.order["currency"]),
    ):
        if got != wanted:
            wrong.append(f"{name}: {what} is {got!r}, expected {wanted!r}")
    return wrong


def tally(base: Mapping[str, Any], sales: Mapping[str, Any], choice: Choice) -> dict[str, int]:
    """Count orders, purchases that are lost, and purchases too many."""
    counts = Counter(str(event.get("externalId")) for event in sales["events"])
    expected = expect(base, choice)
    return {
        "orders": len(expected),
        "lost": sum(one.purchase and not counts[str(one.order_id)] for one in expected),
        "doubled": sum(count - 1 for count in counts.values()),
    }


def outcomes(base: Mapping[str, Any], choice: Choice) -> Counter[str]:
    """Count the expected outcomes by reason."""
    return Counter(one.reason for one in expect(base, choice))


def main(argv: Sequence[str] | None = None) -> int:
    """Compare and tell."""
    parser = argparse.ArgumentParser(prog="verify")
    parser.add_argument("--baselinker-url", required=True)
    parser.add_argument("--salesmanago-url", required=True)
    parser.add_argument("--location", default=LOCATION)
    parser.add_argument("--contact-tag", default="")
    parser.add_argument("--tag-order-source", default="none", choices=["none", "code", "name", "both"])
    parser.add_argument("--skip-shop-orders", action="store_true")
    parser.add_argument("--shop-currency", default="")
    parser.add_argument("--exchange-rates", default="", help="such as EUR:4.27,CZK:0.1735")
    parser.add_argument("--foreign-currency", default="send", choices=["send", "skip"])
    options = parser.parse_args(argv)
    pairs = [part.split(":") for part in options.exchange_rates.split(",") if part]
    choice = Choice(
        options.location,
        options.contact_tag,
        options.tag_order_source,
        options.skip_shop_orders,
        shop_currency=options.shop_currency,
        exchange_rates={code: Decimal(rate) for code, rate in pairs},
        foreign_currency=options.foreign_currency,
    )
    found = differences(fetch_state(options.baselinker_url), fetch_state(options.salesmanago_url), choice)
    for line in found or ["all orders are as they should be"]:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
