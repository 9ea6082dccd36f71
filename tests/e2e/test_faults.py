"""What goes wrong on the way: judged by what arrived and by the dead letters."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from sandbox.remote import fetch_state
from schemas.topics import Topics, ensure_topics
from tests.harness.judge import wrong
from tests.harness.programs import QUICK, Programs, settings
from tests.harness.stand_ins import purchases, sandbox, switch
from tests.harness.topics import dead_letters, publish_shop
from tests.harness.waiting import LONG, wait_until


@contextmanager
def journal(
    kafka: str, prefix: str, folder: Path, *options: str, **more: str
) -> Iterator[tuple[dict[str, str], Programs]]:
    """A shop whose journal is in the topic, and programs to work on it."""
    with sandbox(*options) as apis, Programs(settings(apis, kafka, prefix) | more, folder) as programs:
        publish_shop(kafka, prefix, apis["BASELINKER_API_URL"])
        yield apis, programs


def test_a_shop_whose_salesmanago_has_only_the_old_event_paths_gets_every_purchase_once(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with journal(kafka, prefix, tmp_path, "--orders", "20") as (apis, programs):
        switch(apis["SALESMANAGO_API_URL"], event_api="v1")
        programs.catch_up("processor")
        assert wrong(apis) == []
        paths = fetch_state(apis["SALESMANAGO_API_URL"])["paths"]
        assert paths["contact/addContactExtEvent"] == sum(purchases(apis).values()) > 0
        assert not any(path.startswith("v2/") for path in paths)
        add = "/v2/contact/addContactExtEvent"
        assert programs.logged(f"SALESmanago has no {add} (HTTP 404): using API v1's path") == 1


def test_messages_that_can_never_be_read_are_dead_letters_and_the_others_are_delivered(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    ensure_topics(AdminClient({"bootstrap.servers": kafka}), Topics(prefix))
    with sandbox("--orders", "20") as apis, Programs(settings(apis, kafka, prefix), tmp_path) as programs:
        hostile = Producer({"bootstrap.servers": kafka})
        for key, value in (
            (b"1", b"not avro"),
            (b"2", b"\x00\x00\x00\x00\x07body"),
            (b"3", b"\xc3\x01" + b"unknown!" + b"x"),
            (b"4", None),
            (None, b"\xc3\x01"),
        ):
            hostile.produce(Topics(prefix).journal, key=key, value=value)
        assert hostile.flush(30) == 0
        publish_shop(kafka, prefix, apis["BASELINKER_API_URL"])
        programs.catch_up("processor")
        assert wrong(apis) == []
    found = dead_letters(kafka, Topics(prefix))
    assert sorted(reason for _, reason, _ in found) == ["empty_value"] + ["undecodable"] * 4
    assert all(message for _, _, message in found)
    assert (b"not avro", "undecodable") in {(value, reason) for value, reason, _ in found}


def test_a_key_refused_in_mid_run_ends_a_run_and_with_a_right_one_all_arrive(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with journal(kafka, prefix, tmp_path, "--orders", "20") as (apis, programs):
        switch(apis["SALESMANAGO_API_URL"], auth_ok=False)
        refused = programs.start("processor", "--until-caught-up")
        assert refused.wait(LONG) == 1
        assert "SALESMANAGO_API_SECRET" in programs.log(refused)
        switch(apis["SALESMANAGO_API_URL"], auth_ok=True)
        programs.catch_up("processor")
        assert wrong(apis) == []
        assert dead_letters(kafka, Topics(prefix)) == []


def test_a_processor_asked_to_stop_finishes_what_is_under_way_and_leaves(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with journal(kafka, prefix, tmp_path, "--orders", "40", "--latency", "0.2", **QUICK) as (apis, programs):
        first = programs.start("processor")
        wait_until(lambda: '"order done"' in programs.log(first), LONG, "the first order is done", first)
        first.terminate()
        assert first.wait(LONG) == 0
        programs.catch_up("processor")
        assert wrong(apis) == []


def test_a_processor_that_waits_for_salesmanago_at_its_start_lives_and_is_not_ready(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with (
        sandbox("--orders", "10") as apis,
        Programs(settings(apis, kafka, prefix), tmp_path) as programs,
    ):
        switch(apis["SALESMANAGO_API_URL"], faults=[{"kind": "status", "status": 503, "where": "listByClient"}])
        waiting = programs.serve("processor")
        wait_until(lambda: programs.page(waiting)[0] == 503, LONG, "it answers", waiting)
        wait_until(lambda: "SALESmanago" in programs.page(waiting)[1], LONG, "it says what it waits for", waiting)
        assert programs.checks(waiting)["assignment"] == "starting"
        assert programs.page(waiting, "/livez")[0] == 200
        switch(apis["SALESMANAGO_API_URL"], faults=[])
        wait_until(lambda: programs.ready(waiting), LONG, "it is ready", waiting)
