"""The command line: help, completion, and for what can't be done a sentence, the right exit code and no traceback."""

import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from operations.cli import COMMANDS, build
from schemas.topics import Topics
from tests.harness.commands import bl2sm, catch_up
from tests.harness.programs import inherited
from tests.harness.topics import committed_offsets, read_whole
from tests.operations.shop import deployment

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
PRINT_NO_DATA = {"produce", "console"}
NEED_KAFKA = (
    ["status"], ["explain", "1"], ["replay", "--from-offset", "0"], ["topics"], ["backfill", "--since", "1d"],
    ["audit", "--since", "1d"], ["retract", "--since", "1d"], ["dead-letters", "list"], ["process", "--dry-run"],
)  # fmt: skip

INTERRUPTED = """
import os, signal, sys

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)  # as it is on a terminal
module = sys.argv.pop(1)
from operations.entry import main
assert module not in sys.modules
sys.meta_path.insert(0, CtrlC())
main()
"""  # the entry point, with a Ctrl-C at the moment in which a module is imported


@pytest.fixture(scope="module")
def shop(kafka: str) -> Iterator[dict[str, str]]:
    """A small deployment, its journal published and not worked on."""
    with deployment(kafka, "--orders", "30") as environment:
        catch_up(environment, "producer")
        yield environment


def test_what_makes_no_sense_is_refused_with_a_sentence_and_changes_nothing(shop: dict[str, str], kafka: str) -> None:
    before = len(read_whole(kafka, Topics(shop["TOPIC_PREFIX"]).journal))
    for arguments, code, said in REFUSED:
        ran = bl2sm(shop, *arguments)
        assert (ran.code, ran.out) == (code, ""), (arguments, ran)
        assert said in ran.err, (arguments, ran.err)
    assert len(read_whole(kafka, Topics(shop["TOPIC_PREFIX"]).journal)) == before
    assert committed_offsets(kafka, shop["TOPIC_PREFIX"]) == {}


@pytest.mark.parametrize("arguments", NEED_KAFKA, ids=" ".join)
def test_an_unreachable_broker_is_one_sentence_of_every_command_that_needs_it(
    shop: dict[str, str], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    for name in ("topic_reads.ANSWER_SECONDS", "topics.ANSWER_SECONDS", "settings_rows.SECONDS"):
        monkeypatch.setattr(f"operations.{name}", 0.3)
    ran = bl2sm(shop, *arguments, KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert (ran.code, ran.out) == (1, "")
    assert len(ran.err.splitlines()) <= 2, ran.err
    assert "KAFKA_BOOTSTRAP_SERVERS" in ran.err


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
            ["bash", "-c", f"{shlex.quote(sys.executable)} -m operations.cli {command} | head -n 1"],
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
        ran = bl2sm(inherited(), "kafka", "--port", port)
    assert ran.code == 1
    assert f"port {port} is taken" in ran.err


@pytest.mark.parametrize("module", ["typer", "confluent_kafka", "operations.status"])
def test_ctrl_c_while_modules_are_read_ends_without_a_word(module: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED, module, "status"]
    ran = subprocess.run(command, env=inherited(), capture_output=True, text=True, check=False, timeout=150)
    assert (ran.returncode, ran.stdout, ran.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize("arguments", ["topics", "status", "status --json", "dead-letters list --json", "settings"])
def test_output_that_cannot_be_written_is_reported_in_the_systems_words(shop: dict[str, str], arguments: str) -> None:
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


def every_command() -> list[tuple[str, ...]]:
    """The words of every command, by typer's own tree."""
    found: list[tuple[str, ...]] = []

    def walk(command: object, path: tuple[str, ...]) -> None:
        inner = getattr(command, "commands", None)
        if inner is None:
            found.append(path)
            return
        for name, one in inner.items():
            walk(one, (*path, name))

    walk(typer.main.get_command(build()), ())
    return found


def test_every_command_has_a_help_with_an_example_and_json_where_it_prints_data() -> None:
    commands = every_command()
    assert {path[0] for path in commands} == set(COMMANDS)
    assert len(commands) >= len(COMMANDS)
    app, runner = build(), CliRunner(env={"COLUMNS": "200", "TERM": "dumb"})
    lacking = []
    for path in commands:
        shown = runner.invoke(app, [*path, "--help"]).output
        said = " ".join(shown.replace("│", " ").split())
        assert "\x1b[" not in shown
        if not re.search(rf"Example: (\w+=\S+ )*bl2sm {' '.join(path)}", said):
            lacking.append((path, "an example"))
        if path[0] not in PRINT_NO_DATA and "--json" not in said:
            lacking.append((path, "--json"))
    assert lacking == []


def test_the_shell_can_complete_commands() -> None:
    environment = {**inherited(), "_BL2SM_COMPLETE": "complete_bash", "COMP_WORDS": "bl2sm re", "COMP_CWORD": "1"}
    ran = subprocess.run(
        [sys.executable, "-m", "operations.cli"], capture_output=True, text=True, check=False, env=environment
    )
    assert set(ran.stdout.split()) == {"replay", "resume", "retract"}


def test_only_debug_shows_a_traceback(shop: dict[str, str]) -> None:
    command = [sys.executable, "-m", "operations.cli", "replay"]
    plain = subprocess.run(command, env=shop, capture_output=True, text=True, check=False, timeout=100)
    debug = subprocess.run([*command, "--debug"], env=shop, capture_output=True, text=True, check=False, timeout=100)
    assert (plain.returncode, debug.returncode) == (2, 1)
    assert "Traceback" not in plain.stderr
    assert "Traceback" in debug.stderr
