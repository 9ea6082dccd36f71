"""A program that is told to end: fine for one that runs for ever, a problem for one that had to come to an end."""

from pathlib import Path

import pytest

from tests.harness.programs import Programs, settings
from tests.harness.waiting import wait_until

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
def test_to_be_ended_before_all_is_done_is_a_problem_only_for_who_had_to_do_it(
    tmp_path: Path, module: str, arguments: tuple[str, ...], code: int
) -> None:
    with Programs(settings(APIS, "127.0.0.1:1", "nowhere"), tmp_path) as programs:
        process = programs.start(module, *arguments)
        wait_until(lambda: "Kafka does not answer" in programs.log(process), 60, "it waits for Kafka")
        process.terminate()
        assert process.wait(60) == code
        assert ("told to end before all was" in programs.log(process)) == bool(code)
