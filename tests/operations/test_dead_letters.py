"""`dead-letters`: a preview changes nothing; what is dropped is gone, what is retried is sent once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from operations import dead_letters
from operations.cli import build
from operations.dead_letters import choose, drop_letters, retry_letters
from operations.kafka_reads import KafkaReads
from operations.letter_reads import Letter
from sandbox.remote import fetch_state
from schemas.topics import Topics, order_key
from tests.harness.commands import bl2sm, catch_up
from tests.harness.judge import wrong
from tests.harness.programs import Programs
from tests.harness.stand_ins import purchases, switch
from tests.harness.topics import committed_offsets, read_whole
from tests.harness.waiting import wait_until
from tests.operations.shop import LETTER, buyer, deployment, empty_topics, journal, put_letter, sell


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


@pytest.fixture
def reads(kafka: str) -> Iterator[KafkaReads]:
    """A deployment in which nothing has happened yet."""
    with empty_topics(kafka) as reads:
        yield reads


def put(reads: KafkaReads, count: int) -> list[Letter]:
    """Write so many letters, and return them."""
    producer = Producer({"bootstrap.servers": reads.settings.kafka_bootstrap_servers})
    for offset in range(count):
        letter = replace(LETTER, offset=offset, original_key=order_key(1000 + offset))
        key = f"0/{offset}".encode()
        producer.produce(reads.topics.dead_letters, b"as it came", key, 0, headers=[*letter.to_headers()])
    assert producer.flush(30) == 0
    reads.wait_for_hidden(reads.topics.dead_letters)
    return choose(reads)


@pytest.mark.parametrize("act", [drop_letters, retry_letters])
def test_letters_that_go_while_it_works_are_not_counted(reads: KafkaReads, act: Any) -> None:
    letters = put(reads, 150)  # more than a page
    told: list[int] = []

    def lose(done: int) -> None:
        told.append(done)
        if len(told) == 1:
            assert drop_letters(reads, letters[100:120]) == 20
            reads.wait_for_hidden(reads.topics.dead_letters)  # a commit is seen a moment after its answer

    assert act(reads, letters, told=lose) == 130
    assert told == [100, 130]
    reads.wait_for_hidden(reads.topics.dead_letters)
    assert choose(reads) == []
    assert act(reads, letters) == 0
    reads.wait_for_hidden(reads.topics.journal)
    published = len(list(reads.whole(reads.topics.journal)))
    assert published == (130 if act is retry_letters else 0)


@pytest.mark.parametrize(("command", "did"), [("drop", "dropped"), ("retry", "published again")])
def test_what_was_gone_already_is_reported(
    reads: KafkaReads, monkeypatch: pytest.MonkeyPatch, command: str, did: str
) -> None:
    def choose_and_lose(*arguments: Any) -> list[Letter]:
        found = choose(*arguments)
        drop_letters(reads, found[:1])
        reads.wait_for_hidden(reads.topics.dead_letters)
        return found

    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": reads.settings.kafka_bootstrap_servers,
        "TOPIC_PREFIX": reads.settings.topic_prefix,
    }
    app = build(["dead-letters"])

    def run(*options: str) -> Any:
        return CliRunner().invoke(app, ["dead-letters", command, "--execute", *options], env=environment)

    with monkeypatch.context() as patch:
        patch.setattr(dead_letters, "choose", choose_and_lose)
        put(reads, 3)
        ran = run()
        assert ran.exit_code == 0, ran.output
        assert f"{did}: 2, were gone already: 1\n" in ran.stdout
        put(reads, 3)
        assert '"count": 2, "gone": 1' in run("--json").stdout
    put(reads, 1)
    none = run("--reason", "cut")
    assert f"{did}: 0\n" in none.stdout
    assert none.stderr.count("none of these; there are: 1 rejected") == 1
