"""The console's own lines in the log."""

import pytest

from console import acts
from runtime.logging import configure_logging, get_logger


def test_the_consoles_own_lines_are_written_whatever_level_the_tools_set(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("WARNING", "json")
    acts.hear()
    configure_logging("ERROR", "json")  # as each reader of Kafka does
    get_logger("console.acts").info("a person did something")
    get_logger("operations.apis").warning("a tool's own matter")
    said = capsys.readouterr().err
    assert "a person did something" in said and "own matter" not in said
