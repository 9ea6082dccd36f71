"""The demo's programs take nothing from the user's own deployment."""

import pytest

from sandbox.children import start
from tests.harness.waiting import LONG


def test_settings_of_somebodys_shop_do_not_reach_the_demo(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path_factory.mktemp("demo") / "child.log"
    for name in ("BASELINKER_TOKEN_FILE", "CONTACT_TAG", "KAFKA_SASL_USERNAME", "SALESMANAGO_OWNER", "TOPIC_PREFIX"):
        monkeypatch.setenv(name, "mine")
    child = start(["-c", "import os; print(*os.environ)"], {"CONTACT_TAG": "the demo's"}, log)
    assert child.wait(LONG) == 0
    names = log.read_text().split()
    assert "CONTACT_TAG" in names and "PATH" in names
    assert not {"BASELINKER_TOKEN_FILE", "KAFKA_SASL_USERNAME", "SALESMANAGO_OWNER", "TOPIC_PREFIX"} & set(names)
