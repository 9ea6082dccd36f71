"""Who did what from the console, in its log. Settings and pauses lie in Kafka, too: their history is on the page."""

import logging

from console.visit import Visit
from runtime.logging import get_logger

ACTS = frozenset({
    "/failed/retry", "/failed/drop", "/again/replay", "/again/replay/stop", "/again/orders", "/again/backfill",
    "/settings", "/settings/credentials/save", "/pause",
})  # fmt: skip


def tell(visit: Visit, status: int) -> None:
    """Note an action that was begun or done; `status` = the answer's."""
    if visit.path in ACTS and status < 400:
        get_logger(__name__).info("done from the console", what=visit.path.strip("/"), by=visit.signed)


def tell_revealed(visit: Visit, order_id: int) -> None:
    """Note that somebody had an order's personal data shown."""
    get_logger(__name__).info("personal data were shown in the console", order_id=order_id, by=visit.signed)


def hear() -> None:
    """Let the console's own lines through, whatever level the tools it stands on set."""
    logging.getLogger(__package__).setLevel(logging.INFO)
