import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from runtime.logging import Mask, configure_logging, get_logger

SECRET = "hunter2-hunter2"


@pytest.fixture(autouse=True)
def put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_a_line_is_json_on_stderr_with_level_time_and_ids(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")
    get_logger("producer.main").info("published", order=1234567890, offset=48600100200)
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["logger"]) == ("published", "info", "producer.main")
    assert (line["order"], line["offset"]) == (1234567890, 48600100200)
    assert line["timestamp"].endswith("Z")


def test_the_console_format_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "console")
    get_logger("x").info("published", order=7)
    assert "published" in capsys.readouterr().err


def test_lines_of_libraries_come_out_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json", [SECRET])
    logging.getLogger("some.package").warning("for %s with %s", "jan@shop.example", SECRET)
    (line,) = lines(capsys)
    assert line["event"] == "for *** with ***"


def test_a_client_s_line_per_request_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")
    logging.getLogger("httpx").info("HTTP Request")
    assert lines(capsys) == []


def test_an_exception_s_text_is_masked_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json", [SECRET])
    try:
        raise ValueError(f"jan@shop.example {SECRET} +48 600 100 200")
    except ValueError:
        get_logger("x").exception("failed")
    text = capsys.readouterr().err
    assert "ValueError" in text
    assert not any(part in text for part in ("jan@", SECRET, "600 100"))


@pytest.mark.parametrize(
    "value",
    [
        "jan.kowalski+x@shop.example",
        ["jan@shop.example"],
        {"email": {"to": ("jan@shop.example",)}},
        {"jan@shop.example": 1},
        ValueError("jan@shop.example"),
        b"jan@shop.example",
        "zażółć@shop.example",
        f"key={SECRET}&x",
        "+48600100200",
        "+48 600-100-200",
    ],
)
def test_personal_data_and_secrets_are_masked_however_deep(value: Any) -> None:
    shown = str(Mask([SECRET])(None, "", {"event": "x", "value": value}))
    assert "***" in shown
    assert not any(part in shown for part in ("shop.example", SECRET, "600"))


@pytest.mark.parametrize(
    "value",
    ["order 48600100200", "2026-11-24T17:00:00+01:00", "offset=1234567890123", "1.5e+10", 48600100200, None, True, 1.5],
)
def test_ids_offsets_and_times_stay_readable(value: Any) -> None:
    assert Mask([])(None, "", {"value": value}) == {"value": value}


def test_a_short_secret_does_not_tear_holes_into_every_line() -> None:
    assert Mask(["a"]).text("a banana") == "a banana"
