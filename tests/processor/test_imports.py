"""The rooms of the processor know each other as little as can be: its import graph against the arrows that may be.

Stages meet in values, and only what builds or turns the pipeline knows them all.
"""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

import processor

ROOT = Path(processor.__file__).parent

WHOLE = {  # modules that hold the rooms together
    "main", "supervisor", "wiring", "membership", "partitions", "pipeline", "stages", "apis", "kafka_clients",
}  # fmt: skip
SHARED = {  # modules at the root that any room may know: values, errors, and what several rooms need
    "job", "ending", "partition", "values", "errors", "redact", "clock", "circuit_breaker", "ledger_rows",
    "dead_letters",
}  # fmt: skip
ARROWS = {  # room → the other rooms that it may know
    "consume": set(),
    "restore": set(),
    "coalesce": {"restore"},  # the ledger's rows
    "enrich": {"decide"},  # pure
    "decide": set(),
    "deliver": {"decide"},  # pure
    "record": set(),
    "commit": set(),
    "control": {
        "decide",
        "stages",
        "pipeline",
        "partitions",
    },  # the shop's rules; it turns the pipeline and looks at it
}
KAFKA = {"consume", "restore", "commit", "wiring", "supervisor", "kafka_clients"}


def room(name: str) -> str:
    """`processor.commit.stage` → commit; `processor.job` → job."""
    return name.split(".")[1]


def graph() -> dict[str, set[str]]:
    """Which rooms and root modules each of them imports, itself left out."""
    found: dict[str, set[str]] = defaultdict(set)
    for path, modules in imports().items():
        here = path.relative_to(ROOT).with_suffix("").parts[0]
        found[here] |= {room(name) for name in modules if name.startswith("processor.")} - {here}
    return found


def imports() -> dict[Path, set[str]]:
    """Every module's imports, wherever in the file they are."""
    found: dict[Path, set[str]] = {}
    for path in sorted(ROOT.rglob("*.py")):
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                whole = node.module == "processor"
                names |= {f"processor.{one.name}" for one in node.names} if whole else {node.module}
            elif isinstance(node, ast.Import):
                names |= {one.name for one in node.names}
        found[path] = names
    return found


GRAPH = graph()
ROOMS = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}


def test_every_room_is_in_the_list() -> None:
    assert set(ARROWS) == ROOMS


@pytest.mark.parametrize("name", sorted(ARROWS))
def test_a_room_knows_no_other_room_than_it_may(name: str) -> None:
    assert GRAPH[name] - SHARED - ARROWS[name] == set()
    assert ARROWS[name] <= GRAPH[name], "an arrow that nothing needs any more"


@pytest.mark.parametrize("name", sorted(SHARED))
def test_what_any_room_may_know_knows_no_stage(name: str) -> None:
    assert GRAPH[name] - SHARED - {"decide"} == set()


def test_what_is_neither_shared_nor_a_room_holds_the_rooms_together() -> None:
    modules = {path.stem for path in ROOT.glob("*.py")} - {"__init__", "__main__", "stage"}
    assert modules - SHARED == WHOLE


def test_the_import_graph_has_no_circle() -> None:
    done: set[str] = set()
    left = dict(GRAPH)
    while ready := [name for name, known in left.items() if known <= done]:
        done |= set(ready)
        left = {name: known for name, known in left.items() if name not in done}
    assert left == {}


def test_no_module_talks_to_kafka_and_to_an_api() -> None:
    for path, modules in imports().items():
        kafka = any(name.startswith("confluent_kafka") for name in modules)
        roots = {name.split(".")[0] for name in modules if name != "clients.pacing"}  # how often, not how
        assert not (kafka and roots & {"httpx", "httpx2", "httpcore", "httpcore2", "clients"}), path.name


def test_only_some_rooms_talk_to_kafka() -> None:
    talking = {
        path.relative_to(ROOT).with_suffix("").parts[0]
        for path, modules in imports().items()
        if any(name.startswith("confluent_kafka") for name in modules)
    }
    assert talking == KAFKA
