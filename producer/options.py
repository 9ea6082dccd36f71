"""What the shop set, as the producer needs it."""

from dataclasses import dataclass
from datetime import timedelta

from runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Options:
    """`start_from`: earliest or latest; `sweep` None = no regular one; `partitions` of a journal topic to create."""

    start_from: str
    poll: timedelta
    sweep: timedelta | None
    partitions: int


def options_of(settings: Settings) -> Options:
    """Return them."""
    return Options(
        settings.start_from,
        timedelta(seconds=settings.poll_interval_seconds),
        timedelta(seconds=settings.sweep_interval_seconds) or None,
        settings.journal_partitions,
    )
