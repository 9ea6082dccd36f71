"""One real Kafka for the whole run, topics of their own for each test."""

import os
import uuid
from collections.abc import Iterator

import pytest

from sandbox.kafka import NoKafka, start_kafka


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """The address of a real broker; without one the test is skipped, in CI it fails."""
    try:
        with start_kafka() as running:
            yield running.bootstrap
    except NoKafka as error:
        if os.environ.get("CI") or os.environ.get("REQUIRE_KAFKA"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def prefix() -> str:
    """A topic prefix no other test has."""
    return f"t{uuid.uuid4().hex[:12]}"
