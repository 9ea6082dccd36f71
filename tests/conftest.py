"""One real Kafka for the whole run, topics of their own for each test."""

import os
import uuid
from contextlib import ExitStack
from pathlib import Path

import pytest

from sandbox.kafka import NoKafka, start_kafka
from tests.sizes import register_profiles

register_profiles()

GIVEN = "KAFKA_BOOTSTRAP_SERVERS"
_broker = ExitStack()


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Ask for no workers where a browser's tests are asked for: each would make a scene of its own."""
    if any("browser" in str(argument) for argument in config.args):
        config.option.numprocesses = 0


def pytest_configure(config: pytest.Config) -> None:
    """Start the one broker before the workers, which find it in the environment; never when nothing will run."""
    if hasattr(config, "workerinput") or os.environ.get(GIVEN) or config.option.collectonly or _only_pure(config):
        return
    try:
        os.environ[GIVEN] = _broker.enter_context(start_kafka()).bootstrap
    except NoKafka as error:
        os.environ["BL2SM_NO_KAFKA"] = str(error)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the container tests to `make test-containers`, those in a browser to `make test-browser`."""
    elsewhere = {"containers": "containers", "test_console.py": "browser"}
    room = elsewhere.get(collection_path.name)
    return True if room is not None and not any(room in str(argument) for argument in config.args) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each worker its share of the long tests first, so that none of them is begun last."""
    workers = int(getattr(config, "workerinput", {}).get("workercount", 1))
    long = [item for item in items if item.path.is_relative_to(config.rootpath / "tests" / "faults")]
    rooms = [config.rootpath / "tests" / room for room in ("e2e", "operations")]
    middle = [item for item in items if any(item.path.is_relative_to(room) for room in rooms)]
    first = [*long, *middle]
    rest = [item for item in items if item not in set(first)]
    size = -(-len(items) // workers)
    ordered: list[pytest.Item] = []
    for worker in range(workers):
        share = first[worker::workers]
        ordered += share + rest[: size - len(share)]
        rest = rest[size - len(share) :]
    items[:] = [*ordered, *rest]


def pytest_unconfigure() -> None:
    """Stop it."""
    _broker.close()


def _only_pure(config: pytest.Config) -> bool:
    """Whether only rooms without a test on Kafka were asked for."""
    asked = [str(argument) for argument in config.args]
    return bool(asked) and all(
        part.startswith(("tests/processor", "tests/clients", "tests/properties", "tests/containers")) for part in asked
    )


@pytest.fixture(scope="session")
def kafka() -> str:
    """The address of a real broker; without one the test is skipped, in CI it fails."""
    if address := os.environ.get(GIVEN):
        return address
    why = os.environ.get("BL2SM_NO_KAFKA", "no Kafka was started for these folders: set KAFKA_BOOTSTRAP_SERVERS")
    if os.environ.get("CI") or os.environ.get("REQUIRE_KAFKA"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture
def prefix() -> str:
    """A topic prefix no other test has."""
    return f"t{uuid.uuid4().hex[:12]}"
