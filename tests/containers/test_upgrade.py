"""An older image worked on these topics, and was killed at it; this one goes on."""

import uuid

import pytest

from sandbox.remote import fetch_state
from tests.containers.engine import docker
from tests.containers.running import finish, logs, start
from tests.programs import ask_sandbox, sandbox, settings, wait_until, wrong


@pytest.mark.parametrize("wire", ["single object", "registry"])
def test_the_old_images_topics_ledger_and_offsets_are_read(
    image: str, old_image: str, broker: str, wire: str, request: pytest.FixtureRequest
) -> None:
    more = {"SCHEMA_REGISTRY_URL": request.getfixturevalue("registry")} if wire == "registry" else {}
    with sandbox("--orders", "50", "--latency", "0.1", "--versions") as apis:
        environment = settings(apis, broker, f"u{uuid.uuid4().hex[:8]}") | more
        finish(old_image, environment, "produce")
        old = start(old_image, environment, "process")
        sales, base = apis["SALESMANAGO_API_URL"], apis["BASELINKER_API_URL"]
        wait_until(lambda: len(fetch_state(sales)["events"]) >= 10, 90, logs(old))
        docker("kill", old)
        docker("rm", old)
        sent = {event["externalId"] for event in fetch_state(sales)["events"]}
        edited = next(one for one in fetch_state(base)["orders"] if str(one["order_id"]) in sent)
        name = edited["delivery_fullname"].replace(" v0", " v1")
        ask_sandbox(
            base, "orders", {"order": {"order_id": edited["order_id"], "delivery_fullname": name}, "log_types": [16]}
        )
        finish(image, environment, "produce", "process")
        assert wrong(apis) == []
        writes = fetch_state(sales)["writes"]
        finish(image, environment, "produce", "process")
        assert fetch_state(sales)["writes"] == writes
