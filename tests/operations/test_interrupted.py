"""Work that ends on the way, by Ctrl-C or a fault, says how to go on; what it costs and what it leaves out is told."""

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from typer.testing import CliRunner

from clients import RejectedError
from operations import replay
from operations.cli import build
from operations.cost import cost_of_single
from operations.output import Refused, unfinished
from runtime.settings import load_settings
from schemas.codec import DecodeError
from schemas.records import DeadLetter
from schemas.registry import RegistryUnavailable
from schemas.topics import TopicProblem, Topics
from tests.harness.commands import bl2sm
from tests.harness.programs import Programs, settings
from tests.harness.stand_ins import sandbox
from tests.harness.topics import committed_offsets, read_whole

LETTER = DeadLetter(
    "rejected", "RejectedError", "no", "journal", 0, 0, b"747000001", 1, datetime(2026, 11, 1, tzinfo=UTC)
)


@pytest.fixture(scope="module")
def shop(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A deployment whose orders are all through."""
    with sandbox("--orders", "15") as apis:
        environment = settings(apis, kafka, f"t{tmp_path_factory.mktemp('interrupted').name}{id(apis):x}")
        with Programs(environment, tmp_path_factory.mktemp("logs")) as programs:
            programs.finish()
        yield environment


def put_letter(kafka: str, prefix: str, letter: DeadLetter) -> str:
    """Write a dead letter; return its key."""
    key = f"{letter.partition}/{letter.offset}"
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(Topics(prefix).dead_letters, b"as it came", key.encode(), 0, headers=[*letter.to_headers()])
    assert producer.flush(30) == 0
    return key


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        Refused("no"),
        RejectedError("no", api="SALESmanago"),
        KafkaException(KafkaError(KafkaError._TRANSPORT)),
        RegistryUnavailable("no"),
        DecodeError("no"),
        TopicProblem("no"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_ends_work_on_the_way_is_told_how_to_go_on(
    error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(type(error)), unfinished(lambda: "run it again"):
        raise error
    assert capsys.readouterr().err == "run it again\n"


def test_ctrl_c_while_the_group_is_moved_says_how_to_go_on(
    shop: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(replay, "move_offsets", interrupted)
        ran = CliRunner().invoke(build(["replay"]), ["replay", "--from-offset", "0", "--execute"], env=shop)
    assert ran.exit_code == 130
    assert ran.stderr.splitlines()[-2:] == [replay.MOVE_AGAIN, "stopped"]


def test_a_registry_that_is_away_is_a_sentence_and_says_how_to_go_on(shop: dict[str, str], kafka: str) -> None:
    order = str(bl2sm(shop, "process", "--dry-run", "--json", "--limit", "1").data["order_id"])
    before = len(read_whole(kafka, Topics(shop["TOPIC_PREFIX"]).journal))
    ran = bl2sm(shop, "replay", "--order", order, "--execute", SCHEMA_REGISTRY_URL="http://127.0.0.1:1")
    assert ran.code == 1
    assert replay.AGAIN in ran.err
    assert "check SCHEMA_REGISTRY_URL" in ran.err
    assert len(read_whole(kafka, Topics(shop["TOPIC_PREFIX"]).journal)) == before


def test_previews_of_single_orders_and_letters_tell_cost_and_automations_and_what_is_left_out(
    shop: dict[str, str], kafka: str
) -> None:
    offsets = committed_offsets(kafka, shop["TOPIC_PREFIX"])
    found = bl2sm(shop, "audit", "--since", "30d", "--json").data
    assert found["findings"] == []
    order = str(bl2sm(shop, "process", "--dry-run", "--json", "--limit", "1").data["order_id"])
    kept = put_letter(kafka, shop["TOPIC_PREFIX"], LETTER)
    for arguments in (["replay", "--order", order], ["dead-letters", "retry"]):
        told = bl2sm(shop, *arguments)
        assert "cost: at most 1 BaseLinker request, " in told.out, arguments
        assert "fires the shop's automations (mails). Add --execute" in told.err, arguments
        data = bl2sm(shop, *arguments, "--json").data
        assert (data["requests"], data["executed"]) == (1, False)
        assert data["seconds"] >= 0

    elsewhere = put_letter(kafka, shop["TOPIC_PREFIX"], replace(LETTER, partition=99))
    told = bl2sm(shop, "dead-letters", "retry")
    assert "would publish again: 1" in told.out
    assert f"the journal topic has no such partitions any more ({elsewhere})" in told.err
    ran = bl2sm(shop, "dead-letters", "retry", elsewhere, "--execute")
    assert (ran.code, ran.out) == (1, "")
    assert "no such partitions" in ran.err
    assert bl2sm(shop, "dead-letters", "drop", kept, elsewhere, "--execute").out.endswith("dropped: 2\n")
    assert committed_offsets(kafka, shop["TOPIC_PREFIX"]) == offsets


def test_orders_that_lie_near_are_read_with_one_request(shop: dict[str, str]) -> None:
    found = load_settings(shop, None, need="kafka")
    assert [cost_of_single(found, ids).requests for ids in ([], [5, 5, 104], [900, 5, 105])] == [0, 1, 3]


def test_a_dry_run_shows_on_a_terminal_how_far_it_is_and_its_data_go_where_they_belong(shop: dict[str, str]) -> None:
    terminal, side = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        try:
            while part := os.read(terminal, 4096):
                shown.append(part)
        except OSError:
            return

    reader = threading.Thread(target=read)
    reader.start()
    ended = subprocess.run(
        [sys.executable, "-m", "operations.cli", "process", "--dry-run", "--json"],
        env={**shop, "TERM": "xterm", "COLUMNS": "120"}, stdout=subprocess.PIPE, stderr=side, check=False, timeout=150,
    )  # fmt: skip
    os.close(side)
    reader.join(30)
    told = b"".join(shown).decode()
    assert ended.returncode == 0, told
    assert "orders judged" in told
    assert len(ended.stdout.splitlines()) > 10
    assert "order_id" not in told
