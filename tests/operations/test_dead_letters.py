"""`dead-letters`: a preview changes nothing; what is dropped is gone, what is retried is sent once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.remote import fetch_state
from schemas.topics import Topics
from tests.harness.commands import bl2sm, catch_up
from tests.harness.judge import wrong
from tests.harness.programs import Programs
from tests.harness.stand_ins import switch
from tests.harness.topics import committed_offsets, read_whole
from tests.harness.waiting import wait_until
from tests.operations.shop import LETTER, buyer, deployment, journal, purchases, put_letter, sell


@pytest.fixture(scope="module")
def shop(kafka: str) -> Iterator[dict[str, str]]:
    """A deployment whose orders all have their outcome; a test leaves it without dead letters."""
    with deployment(kafka, "--orders", "15") as environment:
        catch_up(environment)
        yield environment


def standing(kafka: str, topics: Topics) -> set[bytes]:
    """The keys of the letters that nobody has dropped or retried."""
    values = {message.key(): message.value() for message in read_whole(kafka, topics.dead_letters)}
    return {key for key, value in values.items() if isinstance(key, bytes) and value is not None}


def test_previews_of_single_orders_and_letters_show_cost_automations_and_what_is_left_out(
    shop: dict[str, str], kafka: str
) -> None:
    offsets = committed_offsets(kafka, shop["TOPIC_PREFIX"])
    found = bl2sm(shop, "audit", "--since", "30d", "--json").data
    assert found["findings"] == []
    order = str(bl2sm(shop, "process", "--dry-run", "--json", "--limit", "1").data["order_id"])
    kept = put_letter(shop)
    budget = {"BASELINKER_REQUESTS_PER_MINUTE": "1000"}
    for arguments in (["replay", "--order", order], ["dead-letters", "retry"]):
        shown = bl2sm(shop, *arguments)
        assert "cost: at most 1 BaseLinker request, " in shown.out, arguments
        assert "fires the shop's automations (mails). Add --execute" in shown.err, arguments
        data = bl2sm(shop, *arguments, "--json", **budget).data
        assert (data["requests"], data["executed"]) == (1, False)
        assert data["seconds"] == 0.1  # at 881 of the 1000 requests: 63 are the producer's, 56 the tools'

    elsewhere = put_letter(shop, replace(LETTER, partition=99))
    shown = bl2sm(shop, "dead-letters", "retry")
    assert "would publish again: 1" in shown.out
    assert f"the journal topic has no such partitions any more ({elsewhere})" in shown.err
    ran = bl2sm(shop, "dead-letters", "retry", elsewhere, "--execute")
    assert (ran.code, ran.out) == (1, "")
    assert "no such partitions" in ran.err
    assert bl2sm(shop, "dead-letters", "drop", kept, elsewhere, "--execute").out.endswith("dropped: 2\n")
    assert committed_offsets(kafka, shop["TOPIC_PREFIX"]) == offsets


def test_a_dropped_letter_is_gone_and_the_others_are_sent_once_the_cause_is_fixed(
    shop: dict[str, str], kafka: str, tmp_path: Path
) -> None:
    sales, topics = shop["SALESMANAGO_API_URL"], Topics(shop["TOPIC_PREFIX"])
    sold = sell(shop, 3, 2, 16)
    switch(sales, reject_emails=[buyer(order_id) for order_id in sold])
    catch_up(shop)
    count = len(journal(shop))
    listed = bl2sm(shop, "dead-letters", "list", "--json").data
    total = listed["total"]
    assert total == len(standing(kafka, topics)) > 2
    assert listed["by_reason"] == {"rejected": total}
    key, order = listed["letters"][0]["key"], listed["letters"][0]["order_id"]
    assert bl2sm(shop, "dead-letters", "show", key, "--json").data["reason"] == "rejected"
    assert bl2sm(shop, "dead-letters", "show", "9/9").code == 1
    for command in ("drop", "retry"):
        preview = bl2sm(shop, "dead-letters", command, "--json").data
        assert (preview["executed"], preview["count"]) == (False, total)
        assert preview.get("requests", 0) == (1 if command == "retry" else 0)
    assert "fires the shop's automations" in bl2sm(shop, "dead-letters", "retry").err
    assert bl2sm(shop, "dead-letters", "list", "--json").data["total"] == total
    for command in ("list", "drop", "retry"):
        misspelt = bl2sm(shop, "dead-letters", command, "--reason", "reject")
        assert (misspelt.code, f"there are: {total} rejected" in misspelt.err) == (0, True)

    dropped = [one["key"] for one in listed["letters"] if one["order_id"] == order]
    assert bl2sm(shop, "dead-letters", "drop", *dropped, "--execute").code == 0
    left = total - len(dropped)
    assert bl2sm(shop, "dead-letters", "list", "--json").data["total"] == left > 0
    assert len(journal(shop)) == count

    switch(sales, reject_emails=[])
    with Programs(shop, tmp_path) as programs:
        programs.start("processor")
        assert bl2sm(shop, "dead-letters", "retry", "--execute", "--json").data["count"] == left
        assert bl2sm(shop, "dead-letters", "list", "--json").data["total"] == 0
        headers = [dict(found.headers() or []) for found in read_whole(kafka, topics.journal)]
        assert [one["bl2sm.retries"] for one in headers if one] == [b"1"] * left
        others = {str(one["order_id"]) for one in listed["letters"]} - {str(order)}
        assert len(others) == 2
        wait_until(lambda: others <= set(purchases(shop)), 60, "the others are sent")
        assert str(order) not in purchases(shop)
        found = bl2sm(shop, "audit", "--since", "30d", "--json").data
        (finding,) = [one for one in found["findings"] if one["order_id"] == order]
        assert "off the list" in finding["why"]
        words = finding["mend"].split()
        assert words[:2] == ["bl2sm", "replay"]
        assert bl2sm(shop, *words[1:]).code == 0
        wait_until(lambda: wrong(shop) == [], 60, "the dropped one, too, once it is asked for")
    assert set(purchases(shop).values()) == {1}
    assert fetch_state(sales)["violations"] == []
