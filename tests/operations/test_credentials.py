"""New keys are tried before they are written; an old secret goes to no new address."""

from pathlib import Path

import pytest

from clients import Catalog
from operations.credentials import Accepted, Changed, attempt, keys, write
from operations.output import Refused
from runtime.settings import load_settings


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


BOTH = ("SALESMANAGO_V3_API_KEY", "SALESMANAGO_LOCATION")


@pytest.mark.parametrize(
    ("shops", "accepted"),
    [
        ([], Accepted(BOTH[:1], untried=BOTH[1:])),
        ([Catalog("1", "Shop", "shop_1", "PLN", True)], Accepted(BOTH)),
        ([Catalog("1", "Shop", "shop_2", "PLN", True)], Accepted(BOTH, not_one_of=1)),
    ],
)
def test_an_e_shop_that_nobody_could_be_asked_about_is_not_called_tried_and_one_that_is_not_listed_is_accepted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shops: list[Catalog],
    accepted: Accepted,
) -> None:
    monkeypatch.setattr("operations.credentials.list_shops", lambda settings: shops)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    new = {"SALESMANAGO_V3_API_KEY": "key", "SALESMANAGO_LOCATION": "shop_1"}
    assert attempt(tmp_path / ".env", new) == accepted


@pytest.mark.parametrize("line", ["BASELINKER_TOKEN_FILE={}", "export BASELINKER_TOKEN_FILE='{}'"])
def test_a_key_that_env_takes_from_a_file_is_not_written_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    for name in ("BASELINKER_TOKEN", "BASELINKER_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    secret, file = tmp_path / "token", tmp_path / ".env"
    secret.write_text("old")
    file.write_text(line.format(secret) + "\nKAFKA_BOOTSTRAP_SERVERS=k:9092\n")
    assert next(key.origin for key in keys(file) if key.name == "BASELINKER_TOKEN") == "file"
    new = {"BASELINKER_TOKEN": "new", "SALESMANAGO_CLIENT_ID": "client"}
    assert write(file, new) == Changed(("SALESMANAGO_CLIENT_ID",), (), ("BASELINKER_TOKEN",))
    assert load_settings({}, file, need="kafka").baselinker_token.get_secret_value() == "old"


def test_a_key_whose_file_is_left_empty_in_env_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BASELINKER_TOKEN", "BASELINKER_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / ".env"
    file.write_text("BASELINKER_TOKEN_FILE=\nKAFKA_BOOTSTRAP_SERVERS=k:9092\n")
    assert write(file, {"BASELINKER_TOKEN": "new"}) == Changed(("BASELINKER_TOKEN",), (), ())
    assert load_settings({}, file, need="kafka").baselinker_token.get_secret_value() == "new"
