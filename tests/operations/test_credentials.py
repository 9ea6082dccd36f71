"""New keys are tried before they are written; an old secret goes to no new address."""

from pathlib import Path

import pytest

from operations.credentials import attempt
from operations.output import Refused


def test_a_new_address_asks_for_the_secret_again_and_nothing_is_sent_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SALESMANAGO_API_SECRET", "SALESMANAGO_API_URL"):
        monkeypatch.delenv(name, raising=False)
    asked: list[object] = []
    monkeypatch.setattr("operations.credentials.try_credentials", asked.append)
    file = tmp_path / ".env"
    file.write_text("SALESMANAGO_API_SECRET=old\nSALESMANAGO_API_URL=https://app2.salesmanago.com/api\n")
    before = file.read_text()
    with pytest.raises(Refused, match="SALESMANAGO_API_SECRET"):
        attempt(file, {"SALESMANAGO_API_URL": "https://elsewhere.example/api"})
    assert asked == []
    assert file.read_text() == before
