"""What the shop saved in `<prefix>.settings`, followed on the poll thread: a plain consumer, no group, never a wait.

A row that can't be read, or whose values are refused, changes nothing: what was good before it holds on.
"""

from collections import deque
from collections.abc import Callable

from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from processor.decide.rules import RuleSettings
from runtime.compacted_reader import CompactedReader, Row
from runtime.logging import get_logger
from runtime.settings import SettingsError
from schemas.codec import Codec, DecodeError, RegistryUnavailable
from schemas.records import RULES_KEY, SWITCH_KEY, ShopSettings, Switch
from schemas.topics import Topics

LOOK_SECONDS, REGISTRY_PAUSE_SECONDS = 0.1, 2.0

log = get_logger(__name__)


class Live:
    """`rules_of` makes rules of what was saved (None = nothing); SettingsError where a value is refused."""

    def __init__(
        self,
        consumer: Consumer,
        admin: AdminClient,
        topics: Topics,
        codec: Codec,
        rules_of: Callable[[ShopSettings | None], RuleSettings],
        clock: Callable[[], float],
    ) -> None:
        self._codec, self._clock, self._rules_of = codec, clock, rules_of
        self._reader = CompactedReader(consumer, admin, topics.settings)
        self._rows: deque[Row] = deque()  # not taken over yet
        self._known = False
        self._look_at = self._decode_at = 0.0
        self.rules = rules_of(None)
        self.switch: Switch | None = None
        self._reader.open([0])

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

    def look(self) -> None:
        """Take over what has come; called at every turn of the loop."""
        now = self._clock()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        self._rows.extend(self._reader.poll(now))
        self._take_over(now)
        self._known = self._known or (self._reader.reached and not self._rows)

    def _take_over(self, now: float) -> None:
        while self._rows and now >= self._decode_at:
            row = self._rows[0]
            try:
                self._apply(row)
            except RegistryUnavailable as error:
                self._decode_at = now + REGISTRY_PAUSE_SECONDS
                log.warning("schema registry away: waiting for it", error=str(error))
                return
            except (DecodeError, SettingsError) as error:
                log.error(
                    "a saved setting can't be used: what held before it holds on", offset=row.offset, error=str(error)
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
