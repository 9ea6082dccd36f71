"""Markers, the run's seed, and the one broker, which starts when the first test asks for it."""

import os
import shlex
import uuid
from typing import Any

import pytest

from sandbox.kafka import NoKafka
from tests.harness.broker import SharedBroker, ask
from tests.harness.cases import register_profiles
from tests.harness.programs import inherited
from tests.harness.seed import SEED, SIZES

register_profiles()

OWNER = pytest.StashKey[SharedBroker]()
MOST_WORKERS, WORKERS_PER_CORE = 6, 3  # most tests wait for most of their time


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Forget somebody's own settings, give hypothesis the run's seed, and own the broker unless this is a worker."""
    for name in set(os.environ) - set(inherited()) - {"KAFKA_BOOTSTRAP_SERVERS"}:
        del os.environ[name]
    config.option.hypothesis_seed = config.option.hypothesis_seed or str(SEED)
    if not hasattr(config, "workerinput"):
        config.stash[OWNER] = SharedBroker()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where to ask for the broker."""
    node.workerinput["broker"] = node.config.stash[OWNER].serve()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """As many workers as the machine can feed."""
    return min(MOST_WORKERS, WORKERS_PER_CORE * len(os.sched_getaffinity(0)))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the broker."""
    if (owner := config.stash.get(OWNER, None)) is not None:
        owner.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that needs the broker, so that `-m "not kafka"` runs without one."""
    for item in items:
        if "kafka" in getattr(item, "fixturenames", ()):
            item.add_marker("kafka")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the command that reproduces each failure."""
    failed = [*terminalreporter.stats.get("failed", []), *terminalreporter.stats.get("error", [])]
    if failed:
        terminalreporter.section("to reproduce")
    given = " ".join(f"{name}={shlex.quote(os.environ[name])}" for name in SIZES if name in os.environ)
    for nodeid in dict.fromkeys(report.nodeid for report in failed):
        test = shlex.quote(nodeid)
        terminalreporter.write_line(f"SEED={SEED} {given}{' ' if given else ''}.venv/bin/python -m pytest {test}")


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> str:
    """The address of a real broker; where none can be started, the test is skipped, and in CI it fails."""
    address = getattr(request.config, "workerinput", {}).get("broker")
    try:
        return ask(address) if address is not None else request.config.stash[OWNER].bootstrap()
    except NoKafka as error:
        if os.environ.get("CI") or os.environ.get("REQUIRE_KAFKA"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def prefix() -> str:
    """A topic prefix no other test has."""
    return f"t{uuid.uuid4().hex[:12]}"
