"""What the console's pages share: the lock, the keys, and what was seen last."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.program import MOST_RECENT, Program, newest_skipped
from operations.ledger_reads import RowAt
from runtime.settings import load_settings
from schemas.records import Delivery, Outcome
from tests.console.clients import PASSWORD
from tests.harness.programs import settings
from tests.harness.stand_ins import sandbox

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.filterwarnings("ignore:BASELINKER_REQUESTS_PER_MINUTE")
def test_saved_keys_leave_the_lock_and_what_is_under_way_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with sandbox("--orders", "1") as apis:
        for name, value in settings(apis, "127.0.0.1:1", "nowhere").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("CONSOLE_PASSWORD", PASSWORD)
        program = Program(load_settings(need="kafka"))
        before = program.apis().base
        monkeypatch.delenv("CONSOLE_PASSWORD")
        program.renew()
        assert (program.locked, program.password) == (True, PASSWORD)
        after = program.apis().base
        assert after is not before
        assert before.order_sources() == after.order_sources()
        program.close()


def test_skipped_orders_are_listed_by_reason_however_many_others_there_are() -> None:
    rows = [RowAt(number, 0, row(Outcome.DELIVERED, "created", number)) for number in range(MOST_RECENT + 50)]
    rows += [RowAt(1000 + number, 0, row(Outcome.SKIPPED, "shop_order", 500)) for number in range(MOST_RECENT + 1)]
    rows += [RowAt(9, 0, row(Outcome.SKIPPED, "no_email", 1000))]
    found = newest_skipped(rows)
    assert {reason: len(some) for reason, some in found.items()} == {"shop_order": MOST_RECENT, "no_email": 1}


def row(outcome: Outcome, reason: str, minutes: int) -> Delivery:
    return Delivery(outcome, reason, False, 1, "topic", 1, "c", None, None, NOW - timedelta(minutes=minutes))
