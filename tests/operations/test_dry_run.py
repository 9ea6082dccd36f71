"""`process --dry-run`: what would be decided about the last orders; nothing is written."""

import json

from sandbox.remote import fetch_state
from tests.harness.commands import bl2sm
from tests.harness.topics import committed_offsets


def test_a_dry_run_decides_under_new_settings_and_writes_nothing(delivered: dict[str, str], kafka: str) -> None:
    before = fetch_state(delivered["SALESMANAGO_API_URL"])["writes"]
    offsets = committed_offsets(kafka, delivered["TOPIC_PREFIX"])
    ran = bl2sm(delivered, "process", "--dry-run", "--json", SKIP_SHOP_ORDERS="true", CONTACT_TAG="Nowy")
    assert ran.code == 0
    decisions = [json.loads(text) for text in ran.out.splitlines()]
    state = fetch_state(delivered["BASELINKER_API_URL"])
    assert {one["order_id"] for one in decisions} == {log["order_id"] for log in state["logs"]}
    shops = {one["order_id"] for one in state["orders"] if one["order_source"] == "shop"}
    assert {one["order_id"] for one in decisions if one["reason"] == "shop_order"} == shops & {
        one["order_id"] for one in decisions
    }
    assert all("NOWY" in {tag.upper() for tag in one["tags"]} for one in decisions if one["decision"] == "send")
    assert fetch_state(delivered["SALESMANAGO_API_URL"])["writes"] == before
    assert committed_offsets(kafka, delivered["TOPIC_PREFIX"]) == offsets
    for order in state["orders"]:
        assert order["email"] == "" or order["email"] not in ran.out
