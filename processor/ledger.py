"""One row per order: what became of it. A private, temporary copy of the owned partitions of the deliveries topic.

Rows are kept as they lie in the topic and decoded when asked for: a million rows cost disk, not memory.
"""

import sqlite3
import tempfile
from collections.abc import Iterable
from pathlib import Path

from schemas.codec import Codec
from schemas.records import Delivery


class Ledger:
    """Rows by partition and order id, in a file that dies with the process."""

    def __init__(self, codec: Codec, folder: str | None = None) -> None:
        self._codec = codec
        self._folder = tempfile.TemporaryDirectory(prefix="bl2sm-ledger-", dir=folder)
        self._db = sqlite3.connect(Path(self._folder.name) / "ledger.sqlite", isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-16000"):
            self._db.execute(f"PRAGMA {pragma}")

    def open(self, partition: int) -> None:
        """Begin a partition empty."""
        self.drop(partition)
        self._db.execute(f"CREATE TABLE {self._table(partition)} (order_id INTEGER PRIMARY KEY, value BLOB)")

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._db.execute(f"DROP TABLE IF EXISTS {self._table(partition)}")

    def load(self, partition: int, rows: Iterable[tuple[int, bytes | None]]) -> None:
        """Take in encoded rows in the topic's order; None removes."""
        put = f"INSERT OR REPLACE INTO {self._table(partition)} VALUES (?, ?)"  # noqa: S608 - the name is a number
        self._db.execute("BEGIN")
        self._db.executemany(put, rows)
        self._db.execute("COMMIT")

    def get(self, partition: int, order_id: int) -> Delivery | None:
        """Return an order's row; DecodeError when it cannot be read."""
        select = f"SELECT value FROM {self._table(partition)} WHERE order_id = ?"  # noqa: S608 - the name is a number
        found = self._db.execute(select, (order_id,)).fetchone()
        return None if found is None or found[0] is None else self._codec.decode(found[0], Delivery)

    def put(self, partition: int, order_id: int, value: bytes) -> None:
        """Write an order's newest encoded row."""
        put = f"INSERT OR REPLACE INTO {self._table(partition)} VALUES (?, ?)"  # noqa: S608 - the name is a number
        self._db.execute(put, (order_id, value))

    def count(self, partition: int) -> int:
        """How many orders a partition knows."""
        count = f"SELECT count(*) FROM {self._table(partition)}"  # noqa: S608 - the name is a number
        return int(self._db.execute(count).fetchone()[0])

    def close(self) -> None:
        """Remove the file."""
        self._db.close()
        self._folder.cleanup()

    @staticmethod
    def _table(partition: int) -> str:
        return f"rows_{int(partition)}"
