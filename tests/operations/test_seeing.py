"""`check`, `status`, `explain`, the dry run: what they tell is what is there, and they change nothing."""

import json
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from sandbox.remote import fetch_state
from tests.harness.commands import bl2sm
from tests.harness.programs import Programs, settings
from tests.harness.stand_ins import sandbox, switch
from tests.harness.topics import committed_offsets


@pytest.fixture(scope="module")
def shop(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Settings of a deployment whose orders are all through."""
    with sandbox("--orders", "30") as apis:
        environment = settings(apis, kafka, f"t{tmp_path_factory.mktemp('seeing').name}{id(apis):x}")
        with Programs(environment, tmp_path_factory.mktemp("logs")) as programs:
            programs.finish()
        yield environment


def test_status_counts_what_was_delivered_and_says_what_is_not_running(shop: dict[str, str]) -> None:
    ran = bl2sm(shop, "status", "--json")
    assert ran.code == 1
    sales = fetch_state(shop["SALESMANAGO_API_URL"])
    day = Counter({name.split(":")[0]: 0 for name in ran.data["last_day"]})
    for name, count in ran.data["last_day"].items():
        day[name.split(":")[0]] += count
    assert day["delivered"] >= len({event["externalId"] for event in sales["events"]}) > 0
    assert sum(day.values()) == len({log["order_id"] for log in fetch_state(shop["BASELINKER_API_URL"])["logs"]})
    assert ran.data["waiting"] == 0
    assert ran.data["dead_letters"] == 0
    assert any("no processor is running" in text for text in ran.data["problems"])
    assert "partition\towner\tcommitted" in bl2sm(shop, "status").out


def test_check_is_fine_with_right_settings_and_spends_little(shop: dict[str, str]) -> None:
    before = fetch_state(shop["BASELINKER_API_URL"])["requests"]
    ran = bl2sm(shop, "check", "--json")
    assert ran.code == 0, ran.out
    after = fetch_state(shop["BASELINKER_API_URL"])["requests"]
    assert sum(after.values()) - sum(before.values()) == ran.data["baselinker_requests"] <= 5
    assert {finding["state"] for finding in ran.data["findings"]} <= {"ok", "note", "warning"}
    assert next(one["text"] for one in ran.data["findings"] if one["name"] == "lag") == "0 entries wait"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"BASELINKER_TOKEN": "1-2-WRONG"}, "BaseLinker token"),
        ({"SALESMANAGO_API_SECRET": "no-such-secret"}, "SALESmanago credentials"),
        ({"SALESMANAGO_OWNER": "nobody@example.com"}, "SALESmanago owner"),
        ({"SALESMANAGO_LOCATION": "other_shop"}, "e-shop"),
        ({"TOPIC_PREFIX": "no-such-prefix"}, "topics"),
        ({"SALESMANAGO_LOCATION": "", "BASELINKER_TOKEN": ""}, "setting BASELINKER_TOKEN"),
    ],
)
def test_check_names_what_is_wrong_and_how_to_mend_it(shop: dict[str, str], wrong: dict[str, str], named: str) -> None:
    ran = bl2sm(shop, "check", "--json", **wrong)
    assert ran.code == 1
    failed = {one["name"]: one for one in ran.data["findings"] if one["state"] == "failed"}
    assert named in failed, failed
    assert failed[named]["mend"]
    assert not any(
        value and value in ran.out + ran.err
        for name, value in wrong.items()
        if name not in {"TOPIC_PREFIX", "SALESMANAGO_LOCATION"}
    )


def test_check_sees_a_journal_that_is_switched_off(shop: dict[str, str]) -> None:
    switch(shop["BASELINKER_API_URL"], journal=False)
    try:
        ran = bl2sm(shop, "check", "--json")
    finally:
        switch(shop["BASELINKER_API_URL"], journal=True)
    assert ran.code == 1
    assert [one["name"] for one in ran.data["findings"] if one["state"] == "failed"] == ["BaseLinker journal"]


def test_explain_tells_a_delivered_order_with_its_event_and_hides_its_buyer(shop: dict[str, str]) -> None:
    sales = fetch_state(shop["SALESMANAGO_API_URL"])
    event = sales["events"][0]
    order = next(
        one
        for one in fetch_state(shop["BASELINKER_API_URL"])["orders"]
        if str(one["order_id"]) == str(event["externalId"])
    )
    ran = bl2sm(shop, "explain", str(event["externalId"]), "--json")
    assert ran.code == 0
    assert ran.data["row"]["event_id"] == event["eventId"]
    assert ran.data["now"]["decision"] == "send"
    assert ran.data["now"]["payload"]["contactEvent"]["value"] == event["value"]
    assert all(entry["state"] == "done" for entry in ran.data["entries"])
    for secret in (order["email"], order["phone"], order["delivery_fullname"]):
        assert secret not in ran.out
    assert order["email"] in bl2sm(shop, "explain", str(event["externalId"]), "--reveal").out


def test_explain_says_why_an_order_was_skipped_also_offline(shop: dict[str, str]) -> None:
    sent = {str(event["externalId"]) for event in fetch_state(shop["SALESMANAGO_API_URL"])["events"]}
    state = fetch_state(shop["BASELINKER_API_URL"])
    logged = {log["order_id"] for log in state["logs"] if log["log_type"] in {1, 2}}
    order_id = next(one for one in sorted(logged) if str(one) not in sent)
    ran = bl2sm(shop, "explain", str(order_id), "--json")
    assert ran.data["row"]["outcome"] == "skipped"
    assert ran.data["now"]["decision"] == f"skip: {ran.data['row']['reason']}"
    assert next(one["stops"] for one in ran.data["now"]["rules"] if one["stops"]) == ran.data["row"]["reason"]
    before = fetch_state(shop["BASELINKER_API_URL"])["requests"]
    assert bl2sm(shop, "explain", str(order_id), "--json", "--offline").data["now"] is None
    assert fetch_state(shop["BASELINKER_API_URL"])["requests"] == before


def test_explain_tells_what_kafka_knows_while_baselinker_does_not_answer(shop: dict[str, str]) -> None:
    order = str(fetch_state(shop["SALESMANAGO_API_URL"])["events"][0]["externalId"])
    switch(shop["BASELINKER_API_URL"], blocked_until=time.time() + 600)
    try:
        ran = bl2sm(shop, "explain", order, "--json")
        unknown = bl2sm(shop, "explain", "999999999")
    finally:
        switch(shop["BASELINKER_API_URL"], blocked_until=0.0)
    assert (ran.code, ran.data["row"]["outcome"], ran.data["now"]) == (1, "delivered", None)
    assert "the token is blocked" in ran.err
    assert (unknown.code, unknown.out) == (1, "")


def test_a_dry_run_decides_under_new_settings_and_writes_nothing(shop: dict[str, str], kafka: str) -> None:
    before = fetch_state(shop["SALESMANAGO_API_URL"])["writes"]
    offsets = committed_offsets(kafka, shop["TOPIC_PREFIX"])
    ran = bl2sm(shop, "process", "--dry-run", "--json", SKIP_SHOP_ORDERS="true", CONTACT_TAG="Nowy")
    assert ran.code == 0
    decisions = [json.loads(text) for text in ran.out.splitlines()]
    state = fetch_state(shop["BASELINKER_API_URL"])
    assert {one["order_id"] for one in decisions} == {log["order_id"] for log in state["logs"]}
    shops = {one["order_id"] for one in state["orders"] if one["order_source"] == "shop"}
    assert {one["order_id"] for one in decisions if one["reason"] == "shop_order"} == shops & {
        one["order_id"] for one in decisions
    }
    assert all("NOWY" in {tag.upper() for tag in one["tags"]} for one in decisions if one["decision"] == "send")
    assert fetch_state(shop["SALESMANAGO_API_URL"])["writes"] == before
    assert committed_offsets(kafka, shop["TOPIC_PREFIX"]) == offsets
    for order in state["orders"]:
        assert order["email"] == "" or order["email"] not in ran.out
