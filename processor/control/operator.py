"""What a person may change while the program runs: the shop's settings, and a pause.

Settings: what is being read is read again; what is decided is sent as decided. Pause: calls under way end and are
recorded; all else is dropped and comes again after `resume`, to be decided then. The membership is kept.
"""

from processor.control.settings_watch import SettingsWatch
from processor.decide.rules import RuleSettings
from processor.errors import NeedsOperator
from runtime.health import Health
from runtime.logging import get_logger
from runtime.metrics import Metrics

log = get_logger(__name__)


class Operator:
    """Without patience (`--until-caught-up`) a pause ends the program."""

    def __init__(self, saved: SettingsWatch, health: Health, metrics: Metrics, patient: bool = True) -> None:
        self._saved, self._health, self._metrics, self._patient = saved, health, metrics, patient
        self._reported = ""
        self.paused = False

    @property
    def rules(self) -> RuleSettings:
        """The rules in effect."""
        return self._saved.rules

    @property
    def may_take(self) -> bool:
        """Whether entries may be taken in: what was saved is known, and does not say pause."""
        return self._saved.known and not self.paused

    def poll(self, now: float) -> None:
        """Follow what was saved."""
        self._saved.poll(now)
        self._health.set_ready("saved settings", self._saved.known, "not read yet")
        if not self._saved.known and not self.paused:
            return  # rows pass by that later ones replace
        if self.paused and not self._saved.paused:
            switch = self._saved.switch
            log.info("resumed: continuing", by=switch.changed_by if switch is not None else None)
        self.paused = self._saved.paused

    def report(self) -> None:
        """Show a pause once all work has stopped for it; NeedsOperator names who paused."""
        sentence = self._saved.sentence if self.paused else ""
        if sentence and not self._patient:
            raise NeedsOperator(sentence)
        if sentence and sentence != self._reported:
            log.warning("paused", why=sentence)
        if sentence != self._reported or not sentence:
            self._health.set_ready("switch", not sentence, sentence)
            self._metrics.switched_off.set(1 if sentence else 0)
        self._reported = sentence
