"""A program that is asked to stop: fine for one that runs for ever, a problem for one that had to catch up."""

from pathlib import Path

import pytest

from tests.harness.programs import Programs, settings
from tests.harness.waiting import LONG, wait_until

APIS = {
    "BASELINKER_API_URL": "http://127.0.0.1:1/connector.php",
    "BASELINKER_TOKEN": "t",
    "SALESMANAGO_API_URL": "http://127.0.0.1:1/api",
    "SALESMANAGO_CLIENT_ID": "c",
    "SALESMANAGO_API_SECRET": "s",
    "SALESMANAGO_OWNER": "owner@example.com",
    "SALESMANAGO_LOCATION": "shop",
}


@pytest.mark.parametrize("module", ["producer", "processor"])
@pytest.mark.parametrize(("arguments", "code"), [((), 0), (("--until-caught-up",), 1)])
def test_being_stopped_early_is_a_problem_only_for_a_program_that_had_to_catch_up(
    tmp_path: Path, module: str, arguments: tuple[str, ...], code: int
) -> None:
    with Programs(settings(APIS, "127.0.0.1:1", "nowhere"), tmp_path) as programs:
        process = programs.start(module, *arguments)
        wait_until(lambda: "Kafka does not answer" in programs.log(process), LONG, "it waits for Kafka", process)
        process.terminate()
        assert process.wait(LONG) == code
        assert ("stopped before catching up" in programs.log(process)) == bool(code)
