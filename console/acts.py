"""Who did what from the console, in its log. Settings and pauses lie in Kafka, too: their history is on the page."""

import logging

from console.visit import Visit
from runtime.logging import get_logger

AT_ONCE = frozenset({  # those that take longer are logged by `Works`, at their start and at their end
    "/failed/retry", "/failed/drop", "/again/replay", "/again/replay/stop", "/settings", "/pause",
})  # fmt: skip


def act(visit: Visit) -> dict[str, str]:
    """Return what is logged of an action: what, and by whom."""
    return {"what": visit.path.strip("/"), "by": visit.signed}


def tell(visit: Visit, status: int) -> None:
    """Log an action that is done with the answer; `status` = the answer's."""
    if visit.path in AT_ONCE and status < 400:
        get_logger(__name__).info("done from the console", **act(visit))


def tell_revealed(visit: Visit, order_id: int) -> None:
    """Note that somebody had an order's personal data shown."""
    get_logger(__name__).info("personal data were shown in the console", order_id=order_id, by=visit.signed)


def hear() -> None:
    """Let the console's own lines through, whatever level the tools it stands on set."""
    logging.getLogger(__package__).setLevel(logging.INFO)
