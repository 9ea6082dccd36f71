"""What a session does when the shop changes its settings, or pauses it.

Settings: what is being read is read again, for the rules say what must be known of an order; what is decided goes on
as decided. Pause: calls under way end and are recorded; all else is dropped and comes again after `resume`, to be
decided anew. The membership is kept.
"""

from processor.consume.rebalance import Membership
from processor.control.settings_watch import Live
from processor.enrich.enricher import Enricher
from processor.enrich.stage import Read
from runtime.health import Health
from runtime.logging import get_logger
from runtime.metrics import Metrics
from runtime.program import CannotContinue

log = get_logger(__name__)


class PausedByOperator(CannotContinue):
    """Told to end when nothing is left, and not allowed to send: the sentence says who paused."""


class Obey:
    """Called at every turn, before anything is taken in or decided."""

    def __init__(
        self,
        live: Live,
        membership: Membership,
        read: Read,
        enricher: Enricher,
        health: Health,
        metrics: Metrics,
        until_caught_up: bool,
    ) -> None:
        self._live, self._membership, self._read, self._enricher = live, membership, read, enricher
        self._health, self._metrics, self._until_caught_up = health, metrics, until_caught_up
        self._rules = live.rules
        self._paused = False
        self._told = ""

    @property
    def may_take(self) -> bool:
        """Whether entries may be taken in: what was saved is known, and does not say pause."""
        return self._live.known and not self._paused

    def turn(self) -> None:
        """Follow what was saved; PausedByOperator."""
        self._live.look()
        if self._live.rules is not self._rules:
            self._rules = self._enricher.rules = self._live.rules
            self._read.outdate()
        self._health.set_ready("saved settings", self._live.known, "not read yet")
        if not self._live.known and not self._paused:
            return  # rows pass by that later ones replace
        if self._live.paused and not self._paused:
            self._paused = True
            self._membership.begin_anew()
        elif self._paused and not self._live.paused:
            self._paused = False
            log.info("resumed: going on", by=self._live.switch.changed_by if self._live.switch else None)
        self._tell(self._live.sentence)

    def _tell(self, sentence: str) -> None:
        if sentence and self._until_caught_up:
            raise PausedByOperator(sentence)
        if sentence and sentence != self._told:
            log.warning("paused", why=sentence)
        if sentence != self._told or not sentence:
            self._health.set_ready("switch", not sentence, sentence)
            self._metrics.switched_off.set(1 if sentence else 0)
        self._told = sentence
