"""What applying orders costs: BaseLinker requests of the processors, and how long these take at their budget."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from clients.pacing import processor_share
from operations.output import age
from runtime.settings import Settings

REQUESTS_PER_ORDER = 12 / 1000  # one processor needs 10 (docs/performance.md); Allegro look-ups come on top
WINDOW = 100  # ids that one request covers at the least: it brings the shop's next 100 orders
AUTOMATIONS = "Creating and updating purchases fires the shop's automations (mails)."


@dataclass(frozen=True, slots=True)
class Cost:
    """BaseLinker `requests`, and the `seconds` they take at the processors' budget; `at_most` = it is no estimate."""

    requests: int
    seconds: float
    at_most: bool = False

    def __str__(self) -> str:
        many = "request" if self.requests == 1 else "requests"
        told = f"{'at most' if self.at_most else 'about'} {self.requests} BaseLinker {many}"
        more = ", and about one more for each order that hides its buyer; to SALESmanago up to 3 an order"
        return f"cost: {told}, {age(self.seconds)} at the processors' budget{more}"


def cost_of(settings: Settings, orders: float) -> Cost:
    """Return what it costs to apply so many orders that lie near each other."""
    requests = requests_for(orders)
    return Cost(requests, seconds_at(processors_rate(settings), requests))


def cost_of_single(settings: Settings, order_ids: Iterable[int]) -> Cost:
    """Return what it costs at most to apply these orders, wherever they lie."""
    requests, end = 0, 0
    for order_id in sorted(set(order_ids)):
        if order_id >= end:
            requests, end = requests + 1, order_id + WINDOW
    return Cost(requests, seconds_at(processors_rate(settings), requests), at_most=True)


def requests_for(orders: float) -> int:
    """Return how many requests it takes to read so many orders."""
    return math.ceil(orders * REQUESTS_PER_ORDER)


def processors_rate(settings: Settings) -> float:
    """Return the requests a minute of all processors together, when no block has halved them."""
    return processor_share(settings.baselinker_requests_per_minute, settings.poll_interval_seconds, 1, 1)


def seconds_at(rate: float, requests: float) -> float:
    """Return how long requests take at a rate a minute."""
    return round(60.0 * requests / rate, 1) if rate > 0 else 0.0
