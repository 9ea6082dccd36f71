"""An older image worked on these topics, and was killed at it; this one goes on."""

import uuid

import pytest

from sandbox.remote import fetch_state
from tests.containers.engine import docker
from tests.containers.running import email_of, finish, logs, new_orders, start
from tests.harness.judge import wrong
from tests.harness.programs import settings
from tests.harness.stand_ins import ask_sandbox, sandbox
from tests.harness.topics import committed_offsets
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.containers


@pytest.mark.parametrize("wire", ["single object", "registry"])
def test_the_old_images_topics_ledger_and_offsets_are_read(
    image: str, old_image: str, broker: str, wire: str, request: pytest.FixtureRequest
) -> None:
    more = {"SCHEMA_REGISTRY_URL": request.getfixturevalue("registry")} if wire == "registry" else {}
    with sandbox("--orders", "40", "--latency", "0.1", "--versions") as apis:
        prefix = f"u{uuid.uuid4().hex[:8]}"
        environment = settings(apis, broker, prefix) | more
        sales, base = apis["SALESMANAGO_API_URL"], apis["BASELINKER_API_URL"]
        finish(old_image, environment, "produce", "process")
        of_old = fetch_state(base)["orders"]
        done, writes = len(fetch_state(sales)["events"]), len(fetch_state(sales)["writes"])
        assert done > 10
        new = new_orders(base, 40)
        finish(old_image, environment, "produce")
        old = start(old_image, environment, "process")
        wait_until(lambda: len(fetch_state(sales)["events"]) >= done + 5, 90, logs(old))
        docker("kill", old)
        docker("rm", old)
        assert committed_offsets(broker, prefix), "the old image left offsets"
        sent = {event["externalId"] for event in fetch_state(sales)["events"]}
        edited = next(one for one in of_old if str(one["order_id"]) in sent)
        name = edited["delivery_fullname"].replace(" v0", " v1")
        ask_sandbox(
            base, "orders", {"order": {"order_id": edited["order_id"], "delivery_fullname": name}, "log_types": [16]}
        )
        finish(image, environment, "produce", "process")
        assert wrong(apis) == []
        concerned = {str(write.get("external_id") or write["email"]) for write in fetch_state(sales)["writes"][writes:]}
        expected = {str(order_id) for order_id in new} | {email_of(order_id) for order_id in new}
        assert concerned <= expected | {str(edited["order_id"]), edited["email"]}, "what the old one did is done again"
        again = fetch_state(sales)["writes"]
        finish(image, environment, "produce", "process")
        assert fetch_state(sales)["writes"] == again
