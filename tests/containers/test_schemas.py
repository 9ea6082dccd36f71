"""Entries and rows with an added field: what the next version writes and this one reads, and the other way round."""

import uuid

import pytest

from sandbox.remote import fetch_state
from tests.containers.engine import docker
from tests.containers.running import ended, finish, logs, start
from tests.harness.judge import wrong
from tests.harness.programs import settings
from tests.harness.stand_ins import ask_sandbox, sandbox

pytestmark = pytest.mark.containers


@pytest.mark.parametrize("wire", ["registry", "single object"])
def test_an_added_field_is_read_by_the_version_before_and_the_one_after(
    image: str, next_image: str, broker: str, wire: str, request: pytest.FixtureRequest
) -> None:
    more = {"SCHEMA_REGISTRY_URL": request.getfixturevalue("registry")} if wire == "registry" else {}
    with sandbox("--orders", "30", "--versions") as apis:
        environment = settings(apis, broker, f"s{uuid.uuid4().hex[:8]}") | more
        finish(image, environment, "produce", "process")
        assert wrong(apis) == []
        _edit(apis, 1)
        finish(next_image, environment, "produce", "process")
        assert wrong(apis) == []
        _edit(apis, 2)
        finish(next_image, environment, "produce")
        if wire == "registry":
            finish(image, environment, "process")
        else:  # a single object names its schema by a fingerprint, which only its own version and later ones know
            back = start(image, environment, "process", "--until-caught-up")
            assert ended(back) == 0
            assert "written by a newer version? Upgrade this program" in logs(back)
            docker("rm", back)
            retry = start(next_image, environment, "dead-letters", "retry", "--reason", "undecodable", "--execute")
            assert ended(retry) == 0, logs(retry)
            docker("rm", retry)
            finish(next_image, environment, "process")
        assert wrong(apis) == []


def _edit(apis: dict[str, str], version: int) -> None:
    """Rename the buyers of the first ten orders."""
    base = apis["BASELINKER_API_URL"]
    known = fetch_state(base)["orders"]
    edits = []
    for order in known[:10]:
        name = order["delivery_fullname"].rpartition(" v")[0]
        edits.append(
            {"order": {"order_id": order["order_id"], "delivery_fullname": f"{name} v{version}"}, "log_types": [16]}
        )
    ask_sandbox(base, "orders", edits)
