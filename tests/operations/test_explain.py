"""`explain`: where an order is, why, and what would be sent now; nothing personal, and nothing is changed."""

import time

from sandbox.remote import fetch_state
from tests.harness.commands import bl2sm
from tests.harness.stand_ins import switch


def test_explain_shows_a_delivered_order_with_its_event_and_hides_its_buyer(delivered: dict[str, str]) -> None:
    sales = fetch_state(delivered["SALESMANAGO_API_URL"])
    event = sales["events"][0]
    order = next(
        one
        for one in fetch_state(delivered["BASELINKER_API_URL"])["orders"]
        if str(one["order_id"]) == str(event["externalId"])
    )
    ran = bl2sm(delivered, "explain", str(event["externalId"]), "--json")
    assert ran.code == 0
    assert ran.data["row"]["event_id"] == event["eventId"]
    assert ran.data["now"]["decision"] == "send"
    assert ran.data["now"]["payload"]["contactEvent"]["value"] == event["value"]
    assert all(entry["state"] == "done" for entry in ran.data["entries"])
    for secret in (order["email"], order["phone"], order["delivery_fullname"]):
        assert secret not in ran.out
    assert order["email"] in bl2sm(delivered, "explain", str(event["externalId"]), "--reveal").out


def test_explain_gives_the_reason_an_order_was_skipped_also_offline(delivered: dict[str, str]) -> None:
    sent = {str(event["externalId"]) for event in fetch_state(delivered["SALESMANAGO_API_URL"])["events"]}
    state = fetch_state(delivered["BASELINKER_API_URL"])
    logged = {log["order_id"] for log in state["logs"] if log["log_type"] in {1, 2}}
    order_id = next(one for one in sorted(logged) if str(one) not in sent)
    ran = bl2sm(delivered, "explain", str(order_id), "--json")
    assert ran.data["row"]["outcome"] == "skipped"
    assert ran.data["now"]["decision"] == f"skip: {ran.data['row']['reason']}"
    assert next(one["stops"] for one in ran.data["now"]["rules"] if one["stops"]) == ran.data["row"]["reason"]
    before = fetch_state(delivered["BASELINKER_API_URL"])["requests"]
    assert bl2sm(delivered, "explain", str(order_id), "--json", "--offline").data["now"] is None
    assert fetch_state(delivered["BASELINKER_API_URL"])["requests"] == before


def test_explain_shows_what_kafka_knows_while_baselinker_does_not_answer(delivered: dict[str, str]) -> None:
    order = str(fetch_state(delivered["SALESMANAGO_API_URL"])["events"][0]["externalId"])
    switch(delivered["BASELINKER_API_URL"], blocked_until=time.time() + 600)
    try:
        ran = bl2sm(delivered, "explain", order, "--json")
        unknown = bl2sm(delivered, "explain", "999999999")
    finally:
        switch(delivered["BASELINKER_API_URL"], blocked_until=0.0)
    assert (ran.code, ran.data["row"]["outcome"], ran.data["now"]) == (1, "delivered", None)
    assert "the token is blocked" in ran.err
    assert (unknown.code, unknown.out) == (1, "")
