"""Both APIs and all that is known of them; kept over memberships of the group."""

import time
from collections.abc import Callable
from threading import Event

from clients import ApiError, BackpressureError, BaseLinker, FatalError, Http, Pacer, SalesManago
from processor.circuit_breaker import CircuitBreaker
from processor.clock import boottime
from processor.decide.rules import RuleSettings
from processor.enrich.enricher import Enricher
from processor.enrich.relay_tally import RelayTally
from processor.errors import NeedsOperator
from runtime.health import Health
from runtime.logging import get_logger
from runtime.metrics import Metrics
from runtime.settings import Settings

TURN_SECONDS, LONGEST_PAUSE_SECONDS = 10.0, 30.0
BASELINKER_SECONDS = 30.0

log = get_logger(__name__)


class Apis:
    """Without patience a refused key ends the program; at the start it does in any case."""

    def __init__(self, settings: Settings, metrics: Metrics, patient: bool) -> None:
        self._baselinker_http = Http("BaseLinker", BASELINKER_SECONDS)
        self._salesmanago_http = Http("SALESmanago", settings.create_timeout_seconds)
        self.pacer = Pacer(0.0)
        metrics.watch_budget(lambda: self.pacer.rate, lambda: self.pacer.blocked_until)
        self.salesmanago = SalesManago(
            self._salesmanago_http,
            settings.salesmanago_api_url,
            settings.salesmanago_client_id,
            settings.salesmanago_api_secret.get_secret_value(),
            settings.salesmanago_api_key.get_secret_value(),
            settings.salesmanago_owner,
            counted=lambda path: metrics.salesmanago_requests.labels(path=path).inc(),
            event_api=settings.salesmanago_event_api,
        )
        self._baselinker = BaseLinker(
            self._baselinker_http,
            settings.baselinker_api_url,
            settings.baselinker_token.get_secret_value(),
            self.pacer,
            counted=metrics.asked_baselinker,
        )
        self._relays = RelayTally(tuple(settings.masked_email_domains))
        metrics.unlisted_relays.read = self._relays.domains
        self.salesmanago_breaker = CircuitBreaker("SALESmanago", patient)
        self.baselinker_breaker = CircuitBreaker("BaseLinker", patient)

    def enricher(self, rules: RuleSettings) -> Enricher:
        """Return a new one: each membership has its own, because the last one's thread may still be reading."""
        return Enricher(self._baselinker, rules, boottime, self._relays.note)

    def greet(self, stop: Event, health: Health) -> None:
        """Ask SALESmanago who we are: NeedsOperator when it refuses; where it does not answer it is asked again.

        BaseLinker is asked once partitions are owned, because only then there is a share of its requests: a crash loop
        must not cost more than its share either.
        """
        pause = 1.0
        while not stop.is_set():
            health.turn()
            try:
                self.salesmanago.users()
                health.set_ready("SALESmanago", True)
                self.salesmanago_breaker.succeeded()
                return
            except FatalError as error:
                raise NeedsOperator(str(error)) from None
            except ApiError as error:
                log.warning("does not answer yet; asking again", api="SALESmanago", error=str(error))
                health.set_ready("SALESmanago", False, str(error))
                until = error.retry_at if isinstance(error, BackpressureError) else None
                seconds = max(1.0, until.timestamp() - time.time()) if until is not None else pause
                _wait(seconds, stop, health.turn)
                pause = min(LONGEST_PAUSE_SECONDS, pause * 2)

    def close(self) -> None:
        """Refuse everyone who waits for a request, and close the pools."""
        self.pacer.close()
        self._baselinker_http.close()
        self._salesmanago_http.close()


def _wait(seconds: float, stop: Event, turn: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not stop.wait(min(left, TURN_SECONDS)):
        turn()
