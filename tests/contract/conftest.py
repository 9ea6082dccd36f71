"""A place of its own for each test."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.contract.place import Place


@pytest.fixture
def place(kafka: str, prefix: str) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(kafka, prefix, stack)
