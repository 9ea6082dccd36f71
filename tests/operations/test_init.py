"""`init`: what is written works, what the APIs refuse is not written, and what stood in the file stays."""

import os
import pty
import re
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from runtime.settings import load_settings
from tests.harness.commands import bl2sm
from tests.harness.programs import ROOT, settings
from tests.harness.stand_ins import sandbox, switch


@pytest.fixture(scope="module")
def shop() -> Iterator[dict[str, str]]:
    """Settings of a shop; there is no Kafka, which `init` does not need."""
    with sandbox("--orders", "3") as apis:
        yield settings(apis, "127.0.0.1:1", "beginning")


@pytest.fixture(autouse=True)
def _no_long_wait_for_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.turn.ANSWER_SECONDS", 0.1)


def test_init_from_the_environment_writes_what_works_and_keeps_the_rest_of_the_file(
    shop: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / ".env"
    file.write_text("# mine\nLOG_LEVEL=DEBUG\nBASELINKER_TOKEN=old\n")
    ran = bl2sm(shop, "init", "--non-interactive", "--file", str(file), "--json")
    assert ran.code == 0, ran.err
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().startswith("# mine\nLOG_LEVEL=DEBUG\n")
    assert file.read_text().count("BASELINKER_TOKEN=") == 1
    found = load_settings({}, file)
    assert found.baselinker_token.get_secret_value() == shop["BASELINKER_TOKEN"]
    assert found.salesmanago_location == shop["SALESMANAGO_LOCATION"]
    assert shop["BASELINKER_TOKEN"] not in ran.out + ran.err


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"BASELINKER_TOKEN": "1-2-WRONG"}, "BASELINKER_TOKEN"),
        ({"SALESMANAGO_API_SECRET": "wrong-secret"}, "SALESMANAGO_API_SECRET"),
        ({"SALESMANAGO_OWNER": "nobody@example.com"}, "SALESMANAGO_OWNER"),
    ],
)
def test_init_refuses_what_the_apis_refuse_and_changes_nothing(
    shop: dict[str, str], tmp_path: Path, wrong: dict[str, str], named: str
) -> None:
    file = tmp_path / ".env"
    file.write_text("LOG_LEVEL=DEBUG\n")
    ran = bl2sm(shop, "init", "--non-interactive", "--file", str(file), **wrong)
    assert ran.code == 1
    assert named in ran.err
    assert file.read_text() == "LOG_LEVEL=DEBUG\n"


def test_init_accepts_an_e_shop_that_is_no_product_catalogue_and_reports_it(
    shop: dict[str, str], tmp_path: Path
) -> None:
    switch(shop["SALESMANAGO_API_URL"], xml_feed=True)
    try:
        ran = bl2sm(shop, "init", "--non-interactive", "--file", str(tmp_path / ".env"))
    finally:
        switch(shop["SALESMANAGO_API_URL"], xml_feed=False)
    assert ran.code == 0, ran.err
    assert "not one of the 2 product catalogues; that is fine if this e-shop is an XML feed" in ran.err
    assert load_settings({}, tmp_path / ".env").salesmanago_location == shop["SALESMANAGO_LOCATION"]
    listed = bl2sm(shop, "init", "--non-interactive", "--file", str(tmp_path / ".env"))
    assert (listed.code, "XML feed" in listed.err) == (0, False)


def test_init_names_all_that_is_refused_at_once(shop: dict[str, str], tmp_path: Path) -> None:
    wrong = {
        "BASELINKER_TOKEN": "1-2-WRONG",
        "SALESMANAGO_API_SECRET": "wrong-secret",
        "CONSOLE_PASSWORD": "short",
    }
    ran = bl2sm(shop, "init", "--non-interactive", "--file", str(tmp_path / ".env"), **wrong)
    assert ran.code == 1
    for name in wrong:
        assert name in ran.err
    assert not (tmp_path / ".env").exists()


def test_init_reports_a_file_that_cant_be_written_before_anything_is_tried(shop: dict[str, str]) -> None:
    ran = bl2sm(shop, "init", "--non-interactive", "--file", "/proc/.env", BASELINKER_TOKEN="1-2-WRONG")
    assert ran.code == 1
    assert "/proc/.env can't be written" in ran.err
    assert "BASELINKER_TOKEN" not in ran.err


def test_init_asks_again_until_an_answer_is_accepted(shop: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("CONTACT_TAG=Old\n")
    known = {"BASELINKER_API_URL", "SALESMANAGO_V3_API_URL", "BASELINKER_REQUESTS_PER_MINUTE", "PATH", "HOME"}
    environment = {name: value for name, value in shop.items() if name in known} | {"PYTHONPATH": str(ROOT)}
    answers = [
        ("BASELINKER_TOKEN", "1-2-WRONG"), ("BASELINKER_TOKEN", shop["BASELINKER_TOKEN"]),
        *((name, shop[name]) for name in ("SALESMANAGO_API_URL", "SALESMANAGO_CLIENT_ID", "SALESMANAGO_API_SECRET",
            "SALESMANAGO_OWNER", "SALESMANAGO_V3_API_KEY")),
        ("SALESMANAGO_LOCATION", ""), ("SALESMANAGO_LOCATION", shop["SALESMANAGO_LOCATION"]),
        ("SHOP_CURRENCY", "zloty"), ("SHOP_CURRENCY", ""),
        ("CONTACT_TAG", "-"), ("TAG_ORDER_SOURCE", "code"), ("SKIP_SHOP_ORDERS", ""),
        ("KAFKA_BOOTSTRAP_SERVERS", ""), ("CONSOLE_PASSWORD", "short"), ("CONSOLE_PASSWORD", "long enough"),
        ("hosted BaseLinker integration", "y"),
    ]  # fmt: skip
    shown = answer_init(file, environment, answers)
    assert b"not accepted" in shown
    assert shop["BASELINKER_TOKEN"].encode() not in shown
    found = load_settings({}, file)
    assert found.baselinker_token.get_secret_value() == shop["BASELINKER_TOKEN"]
    assert (found.tag_order_source, found.contact_tag) == ("code", "")
    assert found.console_password.get_secret_value() == "long enough"
    assert found.start_from == "latest"
    assert found.shop_currency == "PLN", "the product catalogue's was offered"

    with file.open("a") as text:
        text.write("EXCHANGE_RATES=EUR:4.27\n")
    found = load_settings({}, file)
    kept = [(name, "") for name, _ in dict(answers).items()]
    assert b"switch the hosted integration off first" in answer_init(file, environment, kept)
    assert load_settings({}, file) == found, "a second init offers what was answered"


def answer_init(file: Path, environment: dict[str, str], answers: list[tuple[str, str]]) -> bytes:
    """Run `init` on a terminal, and answer what it asks for by name; return all that it showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        command = [sys.executable, "-m", "operations.cli", "init", "--file", str(file)]
        os.execve(sys.executable, command, environment)
    shown = b""
    for name, answer in answers:
        fresh = b""
        until = time.monotonic() + 60
        while not (name.encode() in fresh and fresh.endswith(b": ")):
            assert time.monotonic() < until, shown
            part = os.read(terminal, 4096)
            fresh, shown = fresh + part, shown + part
        os.write(terminal, answer.encode() + b"\n")
    try:
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:
        pass
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, shown.decode()
    return shown


@pytest.mark.parametrize(
    ("before", "options", "environment", "written"),
    [
        ("", (), {}, None),
        ("", ("--was-hosted",), {}, "latest"),
        ("START_FROM=latest\n", ("--never-hosted",), {}, "earliest"),
        ("START_FROM=latest\n", (), {}, "latest"),
        ("START_FROM=earliest\n", (), {"START_FROM": "latest"}, "latest"),
    ],
)
def test_init_without_questions_takes_the_start_from_its_option_else_from_the_environment_or_the_file(
    shop: dict[str, str],
    tmp_path: Path,
    before: str,
    options: tuple[str, ...],
    environment: dict[str, str],
    written: str | None,
) -> None:
    file = tmp_path / ".env"
    file.write_text(before)
    ran = bl2sm(shop, "init", "--non-interactive", *options, "--file", str(file), **environment)
    assert ran.code == 0, ran.err
    assert re.findall("^START_FROM=(.*)$", file.read_text(), re.MULTILINE) == ([written] if written else [])
    assert ("switch the hosted integration off first" in ran.err) is (written == "latest")


def test_init_leaves_a_secret_in_the_file_it_comes_from(shop: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "token").write_text(shop["BASELINKER_TOKEN"])
    file = tmp_path / ".env"
    file.write_text(f"BASELINKER_TOKEN_FILE={tmp_path / 'token'}\n")
    own = {name: value for name, value in shop.items() if name != "BASELINKER_TOKEN"}
    assert bl2sm(own, "init", "--non-interactive", "--file", str(file)).code == 0
    assert load_settings({}, file).baselinker_token.get_secret_value() == shop["BASELINKER_TOKEN"]
    assert shop["BASELINKER_TOKEN"] not in file.read_text()


def test_init_reports_a_currency_that_is_not_the_product_catalogues_and_keeps_rates(
    shop: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / ".env"
    file.write_text("EXCHANGE_RATES=PLN:0.23\n")
    ran = bl2sm(shop, "init", "--non-interactive", "--file", str(file), SHOP_CURRENCY="EUR")
    assert ran.code == 0, ran.err
    assert "SHOP_CURRENCY is EUR, and the product catalogue sandbox_shop is in PLN" in ran.err
    found = load_settings({}, file)
    assert (found.shop_currency, dict(found.exchange_rates)) == ("EUR", {"PLN": Decimal("0.23")})


def test_init_refuses_rates_without_the_currency_they_are_to(shop: dict[str, str], tmp_path: Path) -> None:
    ran = bl2sm(shop, "init", "--non-interactive", "--file", str(tmp_path / ".env"), EXCHANGE_RATES="EUR:4.27")
    assert ran.code == 2
    assert "EXCHANGE_RATES: are rates to no currency; set SHOP_CURRENCY" in ran.err
