"""An order that BaseLinker does not show: not there yet, gone, or does it show nothing at all just now?

After a while without it the order is skipped as unknown, but only on proof that BaseLinker lists orders: one that it
showed since. A shop that was never seen to have any may be empty; a handful of unknown orders is believed there too.
"""

from dataclasses import dataclass

from processor.errors import NeedsOperator
from runtime.logging import get_logger

UNKNOWN_SECONDS, AGAIN_SECONDS = 30.0, 5.0
PROOF_AGAIN_SECONDS, ALARM_SECONDS = 20.0, 60.0

log = get_logger(__name__)


@dataclass(slots=True)
class MissingOrders:
    """`limit`: so many at once are not believed of an empty shop. `orders_known`: the ledger knows of some.

    Without patience NeedsOperator is raised where BaseLinker lists no order at all.
    """

    limit: int
    patient: bool = True
    orders_known: bool = False
    _alarm_at: float = float("-inf")

    def again_in(self, missing: float, waiting: int, now: float, shown_at: float | None) -> float | None:
        """Return after how many seconds to read an order again; None when it is unknown for good.

        It is missing for so many seconds, as are `waiting` orders in all; `shown_at` = when any was shown last.
        """
        if missing < UNKNOWN_SECONDS:
            return AGAIN_SECONDS
        maybe_empty = shown_at is None and waiting < self.limit and not self.orders_known
        if maybe_empty or (shown_at is not None and shown_at >= now - missing):
            return None
        if not self.patient:
            raise NeedsOperator(
                "BaseLinker reports success and lists no order at all: is BASELINKER_TOKEN of this account?"
            )
        if now - self._alarm_at >= ALARM_SECONDS:
            self._alarm_at = now
            log.error(
                "BaseLinker reports success and lists no order at all: none is skipped as unknown until it lists some."
                " Look at BaseLinker's panel: are there orders, and is the token of this account?",
                waiting=waiting,
            )
        return PROOF_AGAIN_SECONDS
