"""What applying orders costs: BaseLinker requests of the processors, and how long these take at their budget."""

import math
from dataclasses import dataclass

from clients.pacing import processor_share
from runtime.settings import Settings

REQUESTS_PER_ORDER = 12 / 1000  # the bar of design §8, with one processor; Allegro look-ups come on top
AUTOMATIONS = "Creating and updating purchases fires the shop's automations (mails)."


@dataclass(frozen=True, slots=True)
class Cost:
    """BaseLinker `requests`, and the `seconds` they take at the processors' budget."""

    requests: int
    seconds: float


def cost_of(settings: Settings, orders: float) -> Cost:
    """Return what it costs to apply so many orders."""
    requests = requests_for(orders)
    return Cost(requests, seconds_at(processors_rate(settings), requests))


def requests_for(orders: float) -> int:
    """Return how many requests it takes to read so many orders."""
    return math.ceil(orders * REQUESTS_PER_ORDER)


def processors_rate(settings: Settings) -> float:
    """Return the requests a minute of all processors together, when no block has halved them."""
    return processor_share(settings.baselinker_requests_per_minute, settings.poll_interval_seconds, 1, 1)


def seconds_at(rate: float, requests: float) -> float:
    """Return how long requests take at a rate a minute."""
    return round(60.0 * requests / rate, 1) if rate > 0 else 0.0
