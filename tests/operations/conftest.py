"""The deployment that tests look at and leave as it is."""

from collections.abc import Iterator

import pytest

from tests.harness.commands import catch_up
from tests.operations.shop import deployment


@pytest.fixture(scope="session")
def delivered(kafka: str) -> Iterator[dict[str, str]]:
    """Settings of a deployment whose 30 orders all have their outcome; no test changes anything of it."""
    with deployment(kafka, "--orders", "30") as environment:
        catch_up(environment)
        yield environment
