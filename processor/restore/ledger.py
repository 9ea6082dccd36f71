"""One row per order: what became of it. A private, temporary copy of the owned partitions of the deliveries topic.

Rows are kept as they lie in the topic and decoded when asked for: a million rows cost disk, not memory. Each carries a
checksum over order id and value: a file that was torn or written to by somebody else is thrown away whole (Torn), and
the session begins anew from the topic. A missing row costs a look at SALESmanago, never a second purchase.
"""

import sqlite3
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from schemas.codec import Codec, DecodeError
from schemas.records import Delivery


class Torn(Exception):
    """The local file is not as it was written: rebuild it from the topic."""


class Ledger:
    """Rows by partition and order id, in a file that dies with the process."""

    def __init__(self, codec: Codec, folder: str | None = None) -> None:
        self._codec = codec
        self._folder = tempfile.TemporaryDirectory(prefix="bl2sm-ledger-", dir=folder, ignore_cleanup_errors=True)
        self.path = Path(self._folder.name) / "ledger.sqlite"
        self._db = sqlite3.connect(self.path, isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-16000"):
            self._db.execute(f"PRAGMA {pragma}")

    def open(self, partition: int) -> None:
        """Begin a partition empty."""
        self.drop(partition)
        with self._whole():
            self._db.execute(
                f"CREATE TABLE {self._table(partition)} (order_id INTEGER PRIMARY KEY, value BLOB, checksum INTEGER)"
            )

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        with self._whole():
            self._db.execute(f"DROP TABLE IF EXISTS {self._table(partition)}")

    def load(self, partition: int, rows: Iterable[tuple[int, bytes | None]]) -> None:
        """Take in encoded rows in the topic's order; None removes."""
        with self._whole():
            self._db.execute("BEGIN")
            self._db.executemany(
                self._put(partition), ((order_id, value, _checksum(order_id, value)) for order_id, value in rows)
            )
            self._db.execute("COMMIT")

    def get(self, partition: int, order_id: int) -> Delivery | None:
        """Return an order's row; DecodeError when it cannot be read, Torn when the file is damaged."""
        select = f"SELECT value, checksum FROM {self._table(partition)} WHERE order_id = ?"  # noqa: S608 - a number
        with self._whole():
            found = self._db.execute(select, (order_id,)).fetchone()
        if found is None:
            return None
        value, checksum = found
        if checksum != _checksum(order_id, value):
            raise Torn(f"the row of order {order_id} in the local ledger is damaged")
        return None if value is None else self._codec.decode(value, Delivery)

    def put(self, partition: int, order_id: int, value: bytes) -> None:
        """Write an order's newest encoded row."""
        with self._whole():
            self._db.execute(self._put(partition), (order_id, value, _checksum(order_id, value)))

    def count(self, partition: int) -> int:
        """How many orders a partition knows."""
        with self._whole():
            return int(self._db.execute(f"SELECT count(*) FROM {self._table(partition)}").fetchone()[0])  # noqa: S608 - a number

    def newest(self, partition: int) -> datetime | None:
        """When the partition's latest row was written; reads all rows, for the rare case of a gap."""
        latest: datetime | None = None
        with self._whole():
            for (value,) in self._db.execute(f"SELECT value FROM {self._table(partition)}"):  # noqa: S608 - a number
                try:
                    at = self._codec.decode(value, Delivery).delivered_at if value is not None else None
                except DecodeError:
                    continue
                if at is not None and (latest is None or at > latest):
                    latest = at
        return latest

    def close(self) -> None:
        """Remove the file."""
        self._db.close()
        self._folder.cleanup()

    @contextmanager
    def _whole(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise Torn(f"the local ledger can't be used ({error}); is the disk of {self._folder.name} full?") from None

    @classmethod
    def _put(cls, partition: int) -> str:
        return f"INSERT OR REPLACE INTO {cls._table(partition)} VALUES (?, ?, ?)"  # noqa: S608 - the name is a number

    @staticmethod
    def _table(partition: int) -> str:
        return f"rows_{int(partition)}"


def _checksum(order_id: int, value: bytes | None) -> int:
    return zlib.crc32(value or b"", zlib.crc32(str(order_id).encode()))
