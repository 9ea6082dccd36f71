"""Does BaseLinker answer? What a failure means for readiness, and how long to pause after it."""

from datetime import datetime

from clients import ApiError, BackpressureError, FatalError
from runtime.health import Health
from runtime.logging import get_logger
from runtime.metrics import Metrics
from runtime.program import CannotContinue

PROBE_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 60.0

log = get_logger(__name__)


class BaseLinkerHealth:
    """Known over terms. `must_work` = a refused token ends the program, as it does before the first answer."""

    def __init__(self, health: Health, metrics: Metrics, must_work: bool) -> None:
        self._health, self._metrics, self._must_work = health, metrics, must_work
        self._pause, self._answers = 1.0, 0

    def answered(self) -> None:
        """Note that all that was asked was answered."""
        self._must_work, self._pause = False, 1.0
        self._metrics.paused.set(0)
        self._health.set_ready("BaseLinker", True)

    def failed(self, error: ApiError, answers: int, now: datetime) -> float:
        """Return how many seconds to pause; CannotContinue.

        `answers` = how many there were so far: where some came since the last failure, the pause is a short one again.
        """
        pause, self._answers = 1.0 if answers > self._answers else self._pause, answers
        self._pause = min(LONGEST_PAUSE_SECONDS, pause * 2)
        if isinstance(error, FatalError):
            if self._must_work:
                raise CannotContinue(str(error))
            self._metrics.paused.set(1)
            self._health.set_ready("BaseLinker", False, str(error))
            log.error("paused; asking again in a minute", why=str(error))
            return PROBE_SECONDS
        if isinstance(error, BackpressureError) and error.retry_at is not None:
            seconds = max(1.0, (error.retry_at - now).total_seconds())
            self._health.set_ready("BaseLinker", False, f"{error}; waiting until {error.retry_at:%H:%M:%S} UTC")
            log.warning("BaseLinker asks to wait", seconds=round(seconds), why=str(error))
            return seconds
        log.warning("BaseLinker did not answer; trying again", error=str(error))
        return pause
