"""Does what the sandbox received equal what should have arrived? Every difference in words; exit 0 only without any."""

import argparse
import json
import sys
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sandbox.expected import Choice, Expectation, expect
from sandbox.server import LOCATION


def fetch_state(url: str) -> dict[str, Any]:
    """Return a stand-in's state by any of its URLs."""
    root = url.split("/connector.php", maxsplit=1)[0].removesuffix("/api")
    with urllib.request.urlopen(f"{root}/_sandbox/state", timeout=30) as answer:  # noqa: S310 - the sandbox's own
        found: dict[str, Any] = json.load(answer)
    return found


def differences(base: Mapping[str, Any], sales: Mapping[str, Any], choice: Choice) -> list[str]:
    """Return every difference between what should be and what is."""
    expected = expect(base, choice)
    found: list[str] = list(sales["violations"])
    contacts = {contact["contactId"]: contact for contact in sales["contacts"]}
    by_email = {contact["email"]: contact for contact in sales["contacts"]}
    events: dict[str, list[Mapping[str, Any]]] = {}
    for event in sales["events"]:
        events.setdefault(str(event.get("externalId")), []).append(event)
    tags: dict[str, set[str]] = {}
    for one in expected:
        mine = events.pop(str(one.order_id), [])
        found += _order(one, mine, contacts, choice)
        if one.email is not None:
            tags.setdefault(one.email, set()).update(one.tags)
    found += [f"order {external_id}: has a purchase and should have none" for external_id in events]
    for email in tags.keys() | by_email.keys():
        if email not in by_email:
            found.append("a contact is missing in SALESmanago")
        elif email not in tags:
            found.append("a contact is in SALESmanago and should not be")
        elif set(by_email[email]["tags"]) != tags[email]:
            found.append(f"a contact has tags {by_email[email]['tags']}, expected {sorted(tags[email])}")
    if base["blocks"]:
        found.append(f"BaseLinker blocked the token {base['blocks']} times")
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
    if contacts.get(event["contactId"], {}).get("email") != one.email:
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
    options = parser.parse_args(argv)
    choice = Choice(options.location, options.contact_tag, options.tag_order_source, options.skip_shop_orders)
    found = differences(fetch_state(options.baselinker_url), fetch_state(options.salesmanago_url), choice)
    for line in found or ["all orders are as they should be"]:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
