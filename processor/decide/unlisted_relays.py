"""Which domains look like a marketplace's relay and are not listed as one: judged by the shape of many addresses. Pure.

A relay's addresses are machine-made and, as a rule, there is one per order. A domain with few different addresses is
never named: it may be a person's own.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from processor.decide.rules import is_usable
from runtime.relay_domains import FREEMAIL, RELAY_DOMAINS, covers, host_of

LEAST_ADDRESSES = 5
MACHINE_MADE, DIFFERENT = 2 / 3, 0.8  # the least shares of the addresses, and of the orders
MOST_DOMAINS = 10
LEAST_LENGTH, LEAST_CHANGES = 8, 3
FORWARDERS = ("privaterelay.appleid.com", "duck.com", "mozmail.com", "simplelogin.com", "anonaddy.me")  # buyers' own
_CHANGES = re.compile(r"[0-9](?=[^0-9])|[^0-9](?=[0-9])")


@dataclass(frozen=True, slots=True)
class Sighting:
    """One order's address without the address: its domain, a number in its place, whether a machine made it."""

    domain: str
    address: int
    machine_made: bool


def sighting_of(email: str, listed: Sequence[str]) -> Sighting | None:
    """Return what is kept of an order's e-mail; None where the domain is listed, or is where people have mailboxes."""
    email = email.strip().lower()
    host = host_of(email)
    if host in FREEMAIL or covers(FORWARDERS, host) or covers(listed, host) or not is_usable(email):
        return None
    return Sighting(host, hash(email), is_machine_made(email.rpartition("@")[0]))


def is_machine_made(local: str) -> bool:
    """Whether letters and digits change places as they do in no name: in `8awgqyk6a5`, not in `anna.k1985`."""
    letters = re.sub(r"[^0-9a-z]", "", local.lower())
    return len(letters) >= LEAST_LENGTH and len(_CHANGES.findall(letters)) >= LEAST_CHANGES


def unlisted_relays(seen: Iterable[Sighting]) -> dict[str, int]:
    """Return domain → orders, the most first, of the domains that look like a relay; `seen` holds one per order.

    A domain of the default list that the shop's own list lacks needs no evidence.
    """
    found: dict[str, list[Sighting]] = {}
    for one in seen:
        found.setdefault(one.domain, []).append(one)
    orders = Counter(
        {domain: len(of) for domain, of in found.items() if covers(RELAY_DOMAINS, domain) or _looks_like_relay(of)}
    )
    return dict(orders.most_common(MOST_DOMAINS))


def _looks_like_relay(orders: Sequence[Sighting]) -> bool:
    addresses = {one.address: one.machine_made for one in orders}
    return (
        len(addresses) >= LEAST_ADDRESSES
        and len(addresses) >= DIFFERENT * len(orders)
        and sum(addresses.values()) >= MACHINE_MADE * len(addresses)
    )
