"""What the shop set, as the producer needs it."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Plan:
    """`start_from`: earliest or latest; `sweep` None = no regular one; `partitions` of a journal topic that is made."""

    start_from: str
    poll: timedelta
    sweep: timedelta | None
    partitions: int
