"""Domains that look like a marketplace's relay and are not in MASKED_EMAIL_DOMAINS: what `check` and `status` report.

Only domains with many different addresses are named, no address.
"""

from collections.abc import Iterator, Mapping, Sequence

from clients import Order
from operations.finding import Finding
from processor.decide.unlisted_relays import sighting_of, unlisted_relays
from runtime.relay_domains import setting_with
from runtime.settings import Settings


def check_relays(orders: Sequence[Order], settings: Settings) -> Iterator[Finding]:
    """Judge the addresses of the last orders; yields nothing where there are none."""
    sightings = (sighting_of(order.email, settings.masked_email_domains) for order in orders)
    found = unlisted_relays(one for one in sightings if one is not None)
    if found:
        text = relay_text(found, f"the last {len(orders)} orders")
        fix = relay_fix(setting_with(found, settings.masked_email_domains))
        yield Finding("relay addresses", "warning", text, fix)
    elif orders:
        yield Finding("relay addresses", "ok", f"no unlisted domain stands out in the last {len(orders)} orders")


def relay_text(found: Mapping[str, int], where: str) -> str:
    """Return which domains look like a relay, and how many orders each has."""
    domains = ", ".join(f"{domain} ({orders} order{'s' * (orders != 1)})" for domain, orders in found.items())
    return f"domains that look like a marketplace's relay in {where}: {domains}"


def relay_fix(setting: str) -> str:
    """Return what to do; `setting` is the line of `.env`."""
    return f"if they are, set {setting} and restart the processors: such an order then goes to the buyer found by phone"
