"""What goes wrong on the way: judged by what arrived and by the dead letters."""

import json
import time
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from schemas.codec import make_codec
from schemas.topics import Topics, ensure_topics
from tests.e2e.producing import page
from tests.harness.judge import wrong
from tests.harness.ports import quiet_port
from tests.harness.programs import run, settings
from tests.harness.stand_ins import sandbox, switch
from tests.harness.topics import dead_letters
from tests.harness.waiting import wait_until

__all__ = ["dead_letters", "switch"]


def test_messages_that_can_never_be_read_are_dead_letters_and_the_others_go_on(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    topics = Topics(prefix)
    ensure_topics(AdminClient({"bootstrap.servers": kafka}), topics)
    codec = make_codec(topics, None)
    with sandbox("--orders", "20") as apis:
        environment = settings(apis, kafka, prefix)
        hostile = Producer({"bootstrap.servers": kafka})
        for key, value in (
            (b"1", b"not avro"),
            (b"2", b"\x00\x00\x00\x00\x07body"),
            (b"3", b"\xc3\x01" + b"unknown!" + b"x"),
            (b"4", None),
            (None, b"\xc3\x01"),
        ):
            hostile.produce(topics.journal, key=key, value=value)
        hostile.flush()
        assert codec is not None
        assert run("producer", environment, tmp_path / "producer.log", "--until-caught-up").wait(60) == 0
        log = tmp_path / "processor.log"
        assert run("processor", environment, log, "--until-caught-up").wait(60) == 0, log.read_text()
        assert wrong(apis) == []
    found = dead_letters(kafka, topics)
    assert sorted(reason for _, reason, _ in found) == ["empty_value"] + ["undecodable"] * 4
    assert all(message for _, _, message in found)
    assert (b"not avro", "undecodable") in {(value, reason) for value, reason, _ in found}


def test_a_key_refused_in_mid_run_pauses_and_a_mended_one_goes_on(kafka: str, prefix: str, tmp_path: Path) -> None:
    with sandbox("--orders", "20") as apis:
        environment = settings(apis, kafka, prefix)
        assert run("producer", environment, tmp_path / "producer.log", "--until-caught-up").wait(60) == 0
        switch(apis["SALESMANAGO_API_URL"], auth_ok=False)
        log = tmp_path / "refused.log"
        assert run("processor", environment, log, "--until-caught-up").wait(60) == 1
        assert "SALESMANAGO_API_SECRET" in log.read_text()
        switch(apis["SALESMANAGO_API_URL"], auth_ok=True)
        assert run("processor", environment, tmp_path / "mended.log", "--until-caught-up").wait(60) == 0
        assert wrong(apis) == []
        assert dead_letters(kafka, Topics(prefix)) == []


def test_a_processor_told_to_stop_finishes_what_is_under_way_and_leaves(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with sandbox("--orders", "60", "--latency", "0.2") as apis:
        environment = settings(apis, kafka, prefix) | {"DELIVERY_THREADS": "4"}
        assert run("producer", environment, tmp_path / "producer.log", "--until-caught-up").wait(60) == 0
        first = run("processor", environment, tmp_path / "first.log")
        while '"order done"' not in (tmp_path / "first.log").read_text():
            assert first.poll() is None
            time.sleep(0.1)
        first.terminate()
        assert first.wait(40) == 0
        assert run("processor", environment, tmp_path / "second.log", "--until-caught-up").wait(100) == 0
        assert wrong(apis) == []


def test_a_processor_that_waits_for_salesmanago_at_its_start_lives_and_is_not_ready(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with sandbox("--orders", "10") as apis:
        environment = settings(apis, kafka, prefix)
        switch(apis["SALESMANAGO_API_URL"], faults=[{"kind": "status", "status": 503, "where": "listByClient"}])
        port = quiet_port()
        log = tmp_path / "waits.log"
        waiting = run("processor", environment | {"HTTP_PORT": str(port)}, log)
        try:
            wait_until(lambda: page(port, "/readyz")[0] == 503, 60, "it answers")
            wait_until(lambda: "SALESmanago" in page(port, "/readyz")[1], 60, "it says what it waits for")
            assert json.loads(page(port, "/readyz")[1])["checks"]["assignment"] == "starting"
            assert page(port, "/livez")[0] == 200
            switch(apis["SALESMANAGO_API_URL"], faults=[])
            wait_until(lambda: page(port, "/readyz")[0] == 200, 90, "it is ready")
        finally:
            waiting.kill()
            waiting.wait()
