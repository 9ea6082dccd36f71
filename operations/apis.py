"""Both APIs as the tools use them: BaseLinker at the tools' share of the requests, SALESmanago slowly.

All tools of a deployment take turns, so that the first answer comes at once where none asked lately. Where Kafka can't
tell of the others a tool's share starts empty like everyone's: the first answer takes 12 s.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clients import ApiError, BaseLinker, Http, Pacer, SalesManago
from clients.http import Answer
from clients.pacing import tools_rate
from clients.retry_after import date_of
from operations.output import note
from operations.turn import Turn
from runtime.logging import configure_logging
from runtime.settings import Settings

BASELINKER_SECONDS, SALESMANAGO_SECONDS = 30.0, 20.0
TOLD_SECONDS = 5.0  # what takes longer is told
UNKNOWN_CONTACT = "00000000-0000-4000-8000-000000000000"  # an id that no contact has
ALONE_SECONDS = 60.0  # so long a Kafka that did not answer is not asked again


@dataclass(frozen=True, slots=True)
class Apis:
    """`requests` counts what was asked of BaseLinker; `clock_gap` = seconds this clock is ahead of SALESmanago's."""

    base: BaseLinker
    sales: SalesManago
    requests: Callable[[], int]
    clock_gap: Callable[[], float | None]


class _Dated(Http):
    """Notes how far this machine's clock is ahead of the answers' Date; None = no answer told."""

    gap: float | None = None

    def post_json(
        self, url: str, body: Any, before_write: Callable[[], None] | None = None, seconds: float | None = None
    ) -> Answer:
        """POST as Http does."""
        answer = super().post_json(url, body, before_write, seconds)
        told = date_of(answer)
        self.gap = (datetime.now(UTC) - told).total_seconds() if told is not None else None
        return answer


class ToolsPacer(Pacer):
    """Waits blocks out by itself, and for its turn among all tools."""

    def __init__(
        self,
        per_minute: float,
        turn: Turn,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        super().__init__(per_minute, clock, now, sleep)
        self._turn, self._ask_at = turn, 0.0
        self._next = self._clock()  # the turn keeps the distance

    def take(self) -> None:
        """Wait for the next place; PacerClosed when the program ends meanwhile."""
        super().take()
        if self._clock() >= self._ask_at and not self._turn.take(self._gap()):
            first, self._ask_at = not self._ask_at, self._clock() + ALONE_SECONDS
            if first:
                if (gap := self._gap()) > TOLD_SECONDS:
                    note(f"Kafka can't tell whether other tools ask BaseLinker: the first answer takes {gap:.0f} s")
                super().take()
        if self.blocked_until is not None:  # somebody of this process met a block meanwhile
            self.take()

    def close(self) -> None:
        """Wake and refuse everyone, and let the others have their turn."""
        super().close()
        self._turn.close()


@contextmanager
def open_apis(settings: Settings, most: int | None = None) -> Iterator[Apis]:
    """Yield both clients, closed at the end; nothing is asked yet. ApiError instead of more than `most` requests."""
    configure_logging("ERROR", settings.log_format, settings.secrets)
    count = 0

    def counted(_: str) -> None:
        nonlocal count
        if most is not None and count >= most:
            raise ApiError(f"the {most} requests that this command may make are used up", api="BaseLinker")
        count += 1

    pacer = ToolsPacer(tools_rate(settings.baselinker_requests_per_minute), Turn(settings, note))
    base_http, sales_http = Http("BaseLinker", BASELINKER_SECONDS), _Dated("SALESmanago", SALESMANAGO_SECONDS)
    base = BaseLinker(
        base_http,
        settings.baselinker_api_url,
        settings.baselinker_token.get_secret_value(),
        pacer,
        counted=counted,
    )
    sales = SalesManago(
        sales_http,
        settings.salesmanago_api_url,
        settings.salesmanago_client_id,
        settings.salesmanago_api_secret.get_secret_value(),
        settings.salesmanago_api_key.get_secret_value(),
        settings.salesmanago_owner,
        v3_url=settings.salesmanago_v3_api_url,
        v3_key=settings.salesmanago_v3_api_key.get_secret_value() or None,
        event_api=settings.salesmanago_event_api,
    )
    try:
        yield Apis(base, sales, lambda: count, lambda: sales_http.gap)
    finally:
        pacer.close()
        base_http.close()
        sales_http.close()


def seconds_for(settings: Settings, requests: int) -> float:
    """Return how long so many requests of a tool take, where no other tool asks."""
    return 60.0 * max(0, requests - 1) / tools_rate(settings.baselinker_requests_per_minute)


def tell_pace(settings: Settings, requests: int) -> None:
    """Say on stderr how long it will take, where that is long."""
    seconds = seconds_for(settings, requests)
    if seconds > TOLD_SECONDS:
        note(f"asking BaseLinker (about {requests} requests, {seconds:.0f} s: the tools' share is 5 a minute)")
