"""Nothing goes to the outside past the points at which the crash tests kill: read from the programs' own source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import confluent_kafka
import httpcore
from confluent_kafka.admin import AdminClient

from tests.faults import crashing

ROOMS = ("clients", "processor", "producer", "runtime", "schemas")
NETWORKS = {"aiohttp", "ftplib", "grpc", "http", "httpcore2", "httpx2", "kafka", "requests", "smtplib", "socket"}
NETWORKS |= {"subprocess", "urllib3", "websockets", "asyncio"}
KAFKA_VALUES = {
    "OFFSET_BEGINNING", "OFFSET_END", "IsolationLevel", "KafkaError", "KafkaException", "Message", "TopicCollection",
    "TopicPartition", "ConsumerGroupTopicPartitions", "ConsumerGroupState",
}  # fmt: skip


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Every module of the programs."""
    for room in ROOMS:
        for path in sorted(Path(room).rglob("*.py")):
            yield str(path), ast.parse(path.read_text())


def imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Module and name of every import, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def test_only_one_module_speaks_http_and_none_another_protocol() -> None:
    for path, tree in sources():
        for module, name in imports(tree):
            if (path, module) == ("clients/network.py", "socket") and name.isupper():
                continue  # options' numbers
            if (path, module) == ("runtime/group_members.py", "subprocess"):
                continue  # a child that reads alone: nothing outside is changed by it
            top = module.split(".", maxsplit=1)[0]
            if top == "httpx":
                allowed = {"clients/http.py", "clients/transport.py", "clients/unpacking.py"}
                assert path in allowed, f"{path} goes past clients/http.py"
            if top == "httpcore":
                assert path in {"clients/transport.py", "clients/network.py"}, f"{path} goes past clients/http.py"
            if top == "http":
                assert (path, module) == ("runtime/health.py", "http.server"), f"{path} imports {module}"
            else:
                assert top not in NETWORKS and module != "urllib.request", f"{path} imports {module}: no crash point"


def used(path: str, module: str) -> set[str]:
    """What a file takes from a module by its name."""
    return {
        node.attr
        for node in ast.walk(ast.parse(Path(path).read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module
    }


def test_requests_go_through_the_one_pool_whose_requests_are_points() -> None:
    transport, network = used("clients/transport.py", "httpcore"), used("clients/network.py", "httpcore")
    assert "ConnectionPool" in transport
    values = {"NetworkBackend", "NetworkStream", "Request", "Response", "URL"}
    errors = {name for name in transport | network if issubclass(getattr(httpcore, name), Exception)}
    assert transport - errors - values == {"ConnectionPool"}, "a way past ConnectionPool.handle_request"
    assert network - errors - values == {"SyncBackend"}, "a way past ConnectionPool.handle_request"
    clients = {"AsyncClient", "AsyncHTTPTransport", "Client", "HTTPTransport", "get", "post", "request", "stream"}
    for path in ("clients/http.py", "clients/transport.py"):
        assert not used(path, "httpx") & clients, f"{path}: a way past ConnectionPool.handle_request"


def test_kafka_is_written_to_only_by_classes_that_have_points() -> None:
    seamed = {"Producer", "Consumer", "AdminClient"}
    for path, tree in sources():
        for module, name in imports(tree):
            if not module.startswith("confluent_kafka") or module.startswith("confluent_kafka.schema_registry"):
                continue
            assert module in {"confluent_kafka", "confluent_kafka.admin"}, f"{path} imports {module}: no crash point"
            if module == "confluent_kafka":
                assert name in KAFKA_VALUES | seamed, (
                    f"{path} imports {name}: give it points in tests/faults/crashing.py"
                )


def test_every_method_that_may_write_to_kafka_has_points() -> None:
    assert {"produce", "begin_transaction", "send_offsets_to_transaction", "commit_transaction"} <= {
        *crashing.writes(confluent_kafka.Producer)
    }
    assert {"subscribe", "commit", "store_offsets", "close"} <= {*crashing.writes(confluent_kafka.Consumer)}
    admin = {*crashing.writes(AdminClient)}
    assert {"create_topics", "delete_topics", "create_partitions", "alter_consumer_group_offsets"} <= admin
    assert not admin & {"list_topics", "describe_topics", "list_offsets"}
