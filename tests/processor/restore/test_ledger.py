import random
from pathlib import Path

import pytest

from processor.errors import Torn
from processor.restore.ledger import Ledger
from schemas.codec import make_codec
from schemas.topics import Topics
from tests.processor.entries import row

CODEC = make_codec(Topics("t"), None)


def filled(folder: Path, count: int = 3000) -> Ledger:
    ledger = Ledger(CODEC, str(folder))
    ledger.open(0)
    ledger.load(0, [(number, CODEC.encode(row(journal_offset=number))) for number in range(1, count + 1)])
    return ledger


def test_a_row_is_read_back_and_a_tombstone_is_none(tmp_path: Path) -> None:
    ledger = filled(tmp_path, 2)
    ledger.load(0, [(1, None)])
    assert ledger.get(0, 1) is None
    assert ledger.get(0, 2) == row(journal_offset=2)
    assert ledger.get(0, 3) is None
    assert ledger.newest(0) == row().delivered_at


def read_all(ledger: Ledger, count: int) -> int:
    """How many rows are right; Torn when damage was found; a wrong row fails."""
    right = 0
    for number in range(1, count + 1):
        found = ledger.get(0, number)
        assert found is None or found.journal_offset == number
        right += found is not None
    return right


@pytest.mark.parametrize("seed", range(12))
def test_a_file_torn_at_any_byte_is_seen_as_torn_or_only_lacks_rows(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    ledger = filled(tmp_path)
    ledger._db.execute("PRAGMA cache_size=0")
    ledger._db.execute("PRAGMA shrink_memory")
    size = ledger.path.stat().st_size
    with ledger.path.open("r+b") as file:
        at = chance.randrange(size)
        if seed % 2:
            file.truncate(at)
        else:
            file.seek(at)
            file.write(chance.randbytes(min(8192, size - at)))
    try:
        assert read_all(ledger, 3000) <= 3000
    except Torn as error:
        assert "ledger" in str(error)
    ledger.close()


def test_a_deleted_folder_ends_in_torn_or_continues(tmp_path: Path) -> None:
    ledger = filled(tmp_path, 100)
    ledger.path.unlink()
    try:
        ledger.put(0, 1, CODEC.encode(row(journal_offset=1)))
        assert read_all(ledger, 100) <= 100
    except Torn:
        pass
    ledger.close()
