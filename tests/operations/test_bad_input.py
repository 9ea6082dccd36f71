"""What makes no sense, or can't be done now: a clear sentence, the right exit code, nothing on stdout, no traceback."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from typer.testing import CliRunner

from operations.cli import build
from schemas.topics import Topics
from tests.harness.commands import bl2sm, bl2sm_process
from tests.harness.programs import Programs, settings
from tests.harness.stand_ins import sandbox
from tests.harness.topics import committed_offsets, read_whole

REFUSED = [
    (["replay", "--from-offset", "999999"], 2, "there is no offset 999999"),
    (["replay", "--from-offset", "0:999999"], 2, "there is no offset 999999"),
    (["replay", "--from-offset", "99:0"], 2, "partitions 0 to 5"),
    (["replay", "--from-offset", "seven"], 2, "--from-offset takes N"),
    (["replay", "--from-time", "2999-01-01"], 2, "lies in the future"),
    (["replay", "--from-time", "yesterday"], 2, "ISO date"),
    (["replay", "--from-time", "0001-01-01"], 2, "too long ago"),
    (["replay", "--order", "999999999"], 1, "does not know order 999999999"),
    (["replay", "--order", "0"], 2, "0 is no order id"),
    (["replay"], 2, "give one of"),
    (["explain", "999999999"], 1, "BaseLinker does not know it"),
    (["explain", "999999999", "--offline"], 1, "without --offline BaseLinker is asked"),
    (["explain", "0", "--offline"], 2, "0 is no order id"),
    (["retract", "--order", "999999999"], 1, "names no purchase of order 999999999"),
    (["retract"], 2, "give --order, or --since"),
    (["retract", "--since", "2999-01-01"], 2, "lies in the future"),
    (["backfill", "--since", "2999-01-01"], 2, "lies in the future"),
    (["backfill", "--since", "1d", "--until", "2d"], 2, "--until must be later"),
    (["audit", "--since", "2999-01-01"], 2, "lies in the future"),
    (["dead-letters", "list", "--since", "2999-01-01"], 2, "lies in the future"),
    (["dead-letters", "show", "9/9"], 1, "there is no dead letter 9/9"),
    (["retract", "--order", "1", "--until", "1d"], 2, "give --order, or --since"),
    (["process", "--dry-run", "--since", "2999-01-01"], 2, "lies in the future"),
    (["process", "--since", "1d"], 2, "are for --dry-run"),
    (["process", "--dry-run", "--reveal"], 2, "only --json prints"),
    (["process", "--dry-run", "--until-caught-up"], 2, "not both"),
    (["audit", "--since", "9999-12-31T23:59-12:00"], 2, "ISO date"),
    (["alerts", "--test"], 2, "ALERT_WEBHOOK_URL is not set"),
    (["probe", "--write-as", "nobody"], 2, "e-mail of a test contact"),
]
NEED_KAFKA = (
    ["status"], ["explain", "1"], ["replay", "--from-offset", "0"], ["topics"], ["backfill", "--since", "1d"],
    ["audit", "--since", "1d"], ["retract", "--since", "1d"], ["dead-letters", "list"], ["process", "--dry-run"],
)  # fmt: skip


@pytest.fixture(scope="module")
def shop(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A small deployment, its journal published and not worked on."""
    with sandbox("--orders", "30") as apis:
        environment = settings(apis, kafka, f"t{tmp_path_factory.mktemp('bad').name}{id(apis):x}")
        with Programs(environment, tmp_path_factory.mktemp("logs")) as programs:
            assert programs.start("producer", "--until-caught-up").wait(60) == 0
        yield environment


def test_what_makes_no_sense_is_refused_with_a_sentence_and_changes_nothing(shop: dict[str, str], kafka: str) -> None:
    before = len(read_whole(kafka, Topics(shop["TOPIC_PREFIX"]).journal))
    app, runner = build(), CliRunner()
    for arguments, code, said in REFUSED:  # in this process: a process for each takes half a minute
        ran = runner.invoke(app, arguments, env=shop)
        assert (ran.exit_code, ran.stdout) == (code, ""), (arguments, ran.output)
        assert said in ran.stderr, (arguments, ran.stderr)
        assert isinstance(ran.exception, SystemExit)
    assert len(read_whole(kafka, Topics(shop["TOPIC_PREFIX"]).journal)) == before
    assert committed_offsets(kafka, shop["TOPIC_PREFIX"]) == {}


def test_a_time_before_the_topic_begins_is_taken_from_its_beginning_and_said_so(
    shop: dict[str, str], kafka: str
) -> None:
    topic = Topics(shop["TOPIC_PREFIX"]).journal
    here = next(message for message in read_whole(kafka, topic) if message.offset() == 1)
    gone = TopicPartition(topic, here.partition() or 0, 1)
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.delete_records([gone])[gone].result(30)
    ran = bl2sm(shop, "replay", "--from-time", "2010-01-01", "--json")
    assert ran.code == 0, ran.err
    assert f"partition {here.partition()} begins at 1" in " ".join(ran.data["notes"])
    assert next(one["start"] for one in ran.data["parts"] if one["partition"] == here.partition()) == 1


def test_a_broker_that_is_away_is_one_sentence_of_every_command_that_needs_it(shop: dict[str, str]) -> None:
    away = {**shop, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    with ThreadPoolExecutor(len(NEED_KAFKA)) as pool:
        for arguments, ran in zip(NEED_KAFKA, pool.map(lambda one: bl2sm_process(away, *one), NEED_KAFKA), strict=True):
            assert (ran.code, ran.out) == (1, ""), (arguments, ran)
            assert len(ran.err.splitlines()) <= 2, (arguments, ran.err)
            assert "KAFKA_BOOTSTRAP_SERVERS" in ran.err, (arguments, ran.err)


def test_a_file_of_settings_that_cannot_be_written_is_a_sentence_and_leaves_nothing(
    shop: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    for name in ("none/.env", "folder", "bytes"):
        ran = bl2sm(shop, "init", "--non-interactive", "--file", str(tmp_path / name))
        assert (ran.code, ran.out) in {(1, ""), (2, "")}, (name, ran)
        assert name.split("/")[0] in ran.err, (name, ran.err)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bytes", "folder"]


def test_output_into_a_closed_pipe_ends_quietly(shop: dict[str, str]) -> None:
    for command in ("process --dry-run --json", "status"):
        ended = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m operations.cli {command} | head -n 1"],
            env=shop, capture_output=True, text=True, check=False, timeout=150,
        )  # fmt: skip
        assert len(ended.stdout.splitlines()) == 1
        assert "Traceback" not in ended.stderr
        assert "BrokenPipe" not in ended.stderr


def test_missing_settings_are_exit_code_2() -> None:
    ran = bl2sm({"KAFKA_BOOTSTRAP_SERVERS": ""}, "status")
    assert ran.code == 2
    assert "KAFKA_BOOTSTRAP_SERVERS" in ran.err


def test_a_port_that_is_taken_keeps_a_local_kafka_from_starting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = CliRunner(env={"KAFKA_BOOTSTRAP_SERVERS": ""}).invoke(build(), ["kafka", "--port", port])
    assert ran.exit_code == 1
    assert f"port {port} is taken" in ran.output


def test_ctrl_c_while_modules_are_read_ends_without_a_traceback() -> None:
    for seconds in (0.05, 0.2, 0.4):
        with subprocess.Popen(
            [Path(sys.executable).parent / "bl2sm", "status"], stderr=subprocess.PIPE, text=True
        ) as ran:
            time.sleep(seconds)
            ran.send_signal(signal.SIGINT)
            assert ran.stderr is not None
            assert "Traceback" not in ran.stderr.read()


@pytest.mark.parametrize("arguments", ["topics", "status", "status --json", "dead-letters list --json", "settings"])
def test_output_that_cannot_be_written_is_the_systems_word(shop: dict[str, str], arguments: str) -> None:
    environment = {name: value for name, value in shop.items() if not name.startswith("PYTHON")}
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "operations.cli", *arguments.split()],
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ran.returncode == 1
    assert "No space left on device" in ran.stderr
    assert "fault of the program" not in ran.stderr
    assert "Exception ignored" not in ran.stderr
