"""The limit's numbers, and what some minutes under it brought."""

from dataclasses import dataclass

from clients.pacing import processor_share

LIMIT, BUDGET, POLL_INTERVAL = 100, 80, 10.0
SHARE = processor_share(BUDGET, POLL_INTERVAL, 1, 1)  # requests a minute of all processors together


@dataclass(frozen=True, slots=True)
class Kept:
    """`most_a_minute` = requests in the fullest 60 s; `requests_per_1000` = BaseLinker requests per 1,000 orders."""

    processors: int
    orders: int
    requests: int
    seconds: float
    most_a_minute: int
    blocks: int
    requests_per_1000: float

    @property
    def orders_a_minute(self) -> float:
        """Orders read a minute."""
        return self.orders / self.seconds * 60

    @property
    def share_used(self) -> float:
        """Part of the processors' share that was used, 0 to 1."""
        return self.requests / (SHARE * self.seconds / 60)
