"""What every stage of the pipeline is: values go in, values come out, and nobody calls back.

`poll` is called at every turn of the loop, on its thread, and never waits. What a stage holds of a partition is gone
once the partition was revoked; its entries come again.
"""

from collections.abc import Iterable, Set
from typing import Protocol, TypeVar

In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)


class Stage(Protocol[In_contra, Out_co]):
    """One step of an order's way."""

    @property
    def room(self) -> int:
        """How many more values it takes now; the stage before keeps the rest (backpressure)."""

    def submit(self, item: In_contra) -> None:
        """Take a value; never blocks and does no I/O that waits."""

    def poll(self, now: float) -> Iterable[Out_co]:
        """Start what may start, and hand on what is finished; `now` = seconds on the loop's clock."""

    def revoke(self, partitions: Set[int]) -> None:
        """Drop everything of these partitions that was not sent."""

    def close(self) -> None:
        """End threads and files; nothing is handed on any more."""
