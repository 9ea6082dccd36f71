"""A place of its own for each test."""

from tests.contract.conftest import place  # noqa: F401
