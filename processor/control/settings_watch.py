"""What the shop saved in `<prefix>.settings`: a plain consumer, no group, never a wait.

A row that can't be read, or whose values are refused, changes nothing: what was good before stays in effect.
"""

from collections import deque
from collections.abc import Callable

from processor.decide.rules import RuleSettings
from runtime.compacted_reader import CompactedReader, Row
from runtime.logging import get_logger
from runtime.settings import SettingsError
from schemas.codec import Codec, DecodeError, RegistryUnavailable
from schemas.records import RULES_KEY, SWITCH_KEY, ShopSettings, Switch

POLL_SECONDS, REGISTRY_PAUSE_SECONDS = 0.1, 2.0

log = get_logger(__name__)


class SettingsWatch:
    """`rules_of` makes rules of what was saved (None = nothing); SettingsError where a value is refused."""

    def __init__(
        self, reader: CompactedReader, codec: Codec, rules_of: Callable[[ShopSettings | None], RuleSettings]
    ) -> None:
        self._reader, self._codec, self._rules_of = reader, codec, rules_of
        self._rows: deque[Row] = deque()  # not applied yet
        self._opened = self._known = False
        self._poll_at = self._decode_at = 0.0
        self.rules = rules_of(None)
        self.switch: Switch | None = None

    @property
    def known(self) -> bool:
        """Whether the topic was read to the end that it had at some moment after the first look."""
        return self._known

    @property
    def paused(self) -> bool:
        """Whether nothing may be sent."""
        return self.switch is not None and self.switch.paused

    @property
    def sentence(self) -> str:
        """Who paused, since when, why, and the way out; "" when nothing is paused."""
        if self.switch is None or not self.switch.paused:
            return ""
        why = f" ({self.switch.reason})" if self.switch.reason else ""
        at = f"{self.switch.changed_at:%Y-%m-%d %H:%M:%S} UTC"
        return f"paused by {self.switch.changed_by} since {at}{why}: bl2sm resume"

    def poll(self, now: float) -> None:
        """Apply what has come; called at every turn of the loop. KafkaException."""
        if now < self._poll_at:
            return
        self._poll_at = now + POLL_SECONDS
        if not self._opened:
            self._opened = True
            self._reader.open([0])
        self._rows.extend(self._reader.poll(now))
        self._apply_all(now)
        self._known = self._known or (self._reader.reached and not self._rows)

    def _apply_all(self, now: float) -> None:
        while self._rows and now >= self._decode_at:
            row = self._rows[0]
            try:
                self._apply(row)
            except RegistryUnavailable as error:
                self._decode_at = now + REGISTRY_PAUSE_SECONDS
                log.warning("the schema registry does not answer; waiting for it", error=str(error))
                return
            except (DecodeError, SettingsError) as error:
                log.error(
                    "a saved setting can't be used: the one before it stays in effect",
                    offset=row.offset,
                    error=str(error),
                )
            self._rows.popleft()

    def _apply(self, row: Row) -> None:
        if row.key == RULES_KEY:
            saved = self._codec.decode(row.value, ShopSettings) if row.value is not None else None
            rules = self._rules_of(saved)
            if rules != self.rules:
                self.rules = rules
                log.info("the shop's settings changed", by=saved.changed_by if saved else None, offset=row.offset)
        elif row.key == SWITCH_KEY:
            self.switch = self._codec.decode(row.value, Switch) if row.value is not None else None
