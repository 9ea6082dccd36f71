"""What the pages share: the settings, the sessions, one connection to both APIs at the tools' pace, the last status."""

import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from clients import Catalog
from console.entered import Entered
from console.guard import is_loopback
from console.kept import Kept
from console.readers import Readers
from console.sessions import Sessions
from console.tries import Tries
from console.works import Works
from operations import live_settings
from operations.apis import Apis, open_apis
from operations.kafka_reads import KafkaReads
from operations.ledger_reads import RowAt
from operations.status_read import Status, read_status
from runtime.settings import Settings, load_settings
from runtime.settings_overlay import merged
from schemas.records import Outcome

FRESH_SECONDS = 2.5
SOURCES_SECONDS, SHOPS_SECONDS = 3600.0, 300.0
RECENT, MOST_RECENT = timedelta(days=1), 100  # the newest of each list


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of the deployment last; `away` = why nothing can be seen.

    `recent` are the newest rows of all outcomes, `skipped` the newest of each reason.
    """

    status: Status | None
    current: live_settings.Current
    recent: tuple[RowAt, ...]
    skipped: Mapping[str, tuple[RowAt, ...]] = field(default_factory=dict)
    away: Exception | None = None


class Program:
    """Thread-safe; to be closed. `locked` = one must log in: where there is a password, and where others reach it.

    That holds as long as the address listened on does, until the end, whatever `.env` says later.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.password = settings.console_password.get_secret_value()
        self.locked = bool(self.password) or not is_loopback(settings)
        self.sessions, self.tries, self.works, self.kept = Sessions(), Tries(), Works(), Kept()
        self.entered = Entered()
        self._stack = ExitStack()
        self._readers = self._open_readers()
        self._apis: Apis | None = None
        self._lock, self._look = threading.Lock(), threading.Lock()
        self._seen: Seen | None = None
        self._seen_at = 0.0
        self._sources: tuple[float, dict[str, dict[int, str]]] | None = None
        self._shops: tuple[float, list[Catalog]] | None = None
        self.env_file = Path(".env")

    def close(self) -> None:
        """End what is under way."""
        self.works.end(3.0)
        self._readers.close()
        self._stack.close()

    def current(self) -> live_settings.Current:
        """Return what was saved; Refused where Kafka is away."""
        with self.reads() as reads:
            return live_settings.read_from(reads)

    def effective(self) -> Settings:
        """Return the settings as the processors have them now."""
        return merged(self.settings, self.current().rules)

    def reads(self) -> AbstractContextManager[KafkaReads]:
        """Lend readers to the caller alone, until the end of its block."""
        return self._readers.lend()

    def apis(self) -> Apis:
        """Return both APIs, asked at one pace for all pages; SettingsError names what is missing."""
        with self._lock:
            if self._apis is None:
                settings = load_settings(need="apis")
                self._apis = self._stack.enter_context(open_apis(settings))
            return self._apis

    def sources(self) -> dict[str, dict[int, str]]:
        """Return the shop's order sources, asked at most once an hour; ApiError as BaseLinker fails."""
        known = self._sources
        if known is None or time.monotonic() - known[0] > SOURCES_SECONDS:
            known = self._sources = (time.monotonic(), self.apis().base.order_sources())
        return known[1]

    def shops(self) -> list[Catalog]:
        """Return the account's e-shops; [] without a v3 key. ApiError where it is refused."""
        if not self.settings.salesmanago_v3_api_key.get_secret_value():
            return []
        known = self._shops
        if known is None or time.monotonic() - known[0] > SHOPS_SECONDS:
            known = self._shops = (time.monotonic(), self.apis().sales.catalogs())
        return known[1]

    def renew(self) -> None:
        """Take what `.env` says now: credentials were saved. Work under way goes on with what it began with."""
        with self._lock:
            self.settings = load_settings(need="kafka")
            self._readers.close()
            self._readers = self._open_readers()
            self._apis = self._sources = self._shops = None

    def look(self, fresh: bool = False) -> Seen:
        """Return the state of things, read at most every few seconds however many ask; never raises."""
        with self._look:
            if not fresh and self._seen is not None and time.monotonic() - self._seen_at < FRESH_SECONDS:
                return self._seen
            self._seen = self._read()
            self._seen_at = time.monotonic()
            return self._seen

    @property
    def known(self) -> Seen | None:
        """The state of things as it was read last, however long ago; nothing is asked."""
        return self._seen

    def _open_readers(self) -> Readers:
        settings = self.settings
        return Readers(lambda: KafkaReads(settings))

    def _read(self) -> Seen:
        now = datetime.now(UTC)
        try:
            with self.reads() as reads:
                status = read_status(reads, now=now)
                current = live_settings.read_from(reads)
                rows = reads.rows(now - RECENT)
        except Exception as error:
            return Seen(None, live_settings.Current(), (), away=error)
        newest = sorted(rows.values(), key=lambda one: one.row.delivered_at, reverse=True)
        return Seen(status, current, tuple(newest[:MOST_RECENT]), newest_skipped(newest))


def newest_skipped(newest: list[RowAt]) -> dict[str, tuple[RowAt, ...]]:
    """Return the skipped ones by reason, the newest of each."""
    found: dict[str, list[RowAt]] = {}
    for one in newest:
        if one.row.outcome is Outcome.SKIPPED:
            found.setdefault(one.row.reason, []).append(one)
    return {reason: tuple(rows[:MOST_RECENT]) for reason, rows in found.items()}
