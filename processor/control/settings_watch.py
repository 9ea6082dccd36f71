"""What the shop saved in `<prefix>.settings`, followed on the poll thread: a plain consumer, no group, never a wait.

A row that can't be read, or whose values are refused, changes nothing: what was good before it holds on.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.decide.rules import RuleSettings
from runtime.client_errors import told_by
from runtime.end_offsets import ask_ends, end_told
from runtime.logging import get_logger
from runtime.settings import SettingsError
from schemas.codec import Codec, DecodeError, RegistryUnavailable
from schemas.records import RULES_KEY, SWITCH_KEY, ShopSettings, Switch
from schemas.topics import Topics

LOOK_SECONDS, TELL_SECONDS, REGISTRY_PAUSE_SECONDS = 0.1, 60.0, 2.0
ASK_SECONDS, ASK_AGAIN_SECONDS = 60.0, 1.0  # nobody waits for it
ROWS = 500

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
        self._consumer, self._admin, self._codec, self._clock = consumer, admin, codec, clock
        self._rules_of = rules_of
        self._here = TopicPartition(topics.settings, 0, OFFSET_BEGINNING)
        self._rows: deque[tuple[int, bytes | None, bytes | None]] = deque()  # not taken over yet
        self._read_to = 0
        self._end: int | None = None
        self._known = False
        self._asked: Future[Any] | None = None
        self._ask_at = self._look_at = self._decode_at = self._tell_at = 0.0
        self.rules = rules_of(None)
        self.switch: Switch | None = None
        consumer.assign([self._here])

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
        if self._end is None:
            self._find_end(now)
        for message in self._consumer.consume(ROWS, 0):
            error, offset = message.error(), message.offset()
            if error is None:
                key, value = message.key(), message.value()
                self._rows.append(
                    (
                        offset or 0,
                        key if isinstance(key, bytes) else None,
                        value if isinstance(value, bytes) else None,
                    )
                )
            elif error.code() == KafkaError._PARTITION_EOF:
                self._read_to = max(self._read_to, offset or 0)
            elif error.fatal():
                raise KafkaException(error)
            elif now >= self._tell_at:
                self._tell_at = now + TELL_SECONDS
                log.warning("the saved settings can't be read now: the last ones hold", error=error.str())
        self._take_over(now)
        reached = self._end is not None and self._read_to >= self._end
        self._known = self._known or (reached and not self._rows)

    def _find_end(self, now: float) -> None:
        """Ask for the true end: the last stable one hides a change that was just acknowledged."""
        if self._asked is None and now >= self._ask_at:
            self._ask_at = now + ASK_AGAIN_SECONDS
            self._asked = ask_ends(self._admin, self._here.topic, [0], ASK_SECONDS)[0]
        if self._asked is None:
            return
        if not self._asked.done():
            if now >= self._ask_at + 2 * ASK_SECONDS:  # the client was seen never to answer
                self._asked = None
            return
        asked, self._asked = self._asked, None
        try:
            self._end = end_told(self._admin, asked)
        except KafkaException as error:
            log.warning("the end of the saved settings is not known yet; asking again", error=told_by(error))

    def _take_over(self, now: float) -> None:
        while self._rows and now >= self._decode_at:
            offset, key, value = self._rows[0]
            try:
                self._apply(offset, key, value)
            except RegistryUnavailable as error:
                self._decode_at = now + REGISTRY_PAUSE_SECONDS
                log.warning("schema registry away: waiting for it", error=str(error))
                return
            except (DecodeError, SettingsError) as error:
                log.error(
                    "a saved setting can't be used: what held before it holds on", offset=offset, error=str(error)
                )
            self._rows.popleft()

    def _apply(self, offset: int, key: bytes | None, value: bytes | None) -> None:
        if key == RULES_KEY:
            saved = self._codec.decode(value, ShopSettings) if value is not None else None
            rules = self._rules_of(saved)
            if rules != self.rules:
                self.rules = rules
                log.info("the shop's settings changed", by=saved.changed_by if saved else None, offset=offset)
        elif key == SWITCH_KEY:
            self.switch = self._codec.decode(value, Switch) if value is not None else None
