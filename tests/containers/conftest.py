"""What these tests stand on: an engine, the images, a broker and a registry in containers. See docs/containers.md."""

import os
from collections.abc import Iterator

import pytest

from sandbox.kafka import container
from tests.containers import engine
from tests.containers.running import Registry


def _must(why: str | None) -> None:
    """Skip with the reason; where containers were promised, fail."""
    if why is not None and os.environ.get("REQUIRE_CONTAINERS"):
        pytest.fail(why)
    if why is not None:
        pytest.skip(why)


@pytest.fixture(scope="session", autouse=True)
def _engine() -> None:
    _must(engine.lacks())


@pytest.fixture(scope="session")
def image() -> str:
    """The image, built from this tree."""
    engine.build(engine.ROOT, engine.IMAGE, "--build-arg", "REVISION=0123456")
    return engine.IMAGE


@pytest.fixture(scope="session")
def old_image() -> str:
    """The image of an older commit."""
    _must(engine.build_old())
    return engine.OLD_IMAGE


@pytest.fixture(scope="session")
def next_image(image: str) -> str:
    """This version with a field more in its schemas."""
    engine.build(engine.ROOT / "tests" / "containers" / "next", engine.NEXT_IMAGE, "--build-arg", f"BASE={image}")
    return engine.NEXT_IMAGE


@pytest.fixture(scope="session")
def registry_image() -> None:
    """The registry's image is there."""
    _must(engine.ensure_registry())


@pytest.fixture(scope="session")
def registry(registry_image: None) -> Iterator[str]:
    """A real schema registry; its URL."""
    with Registry() as running:
        yield running.url


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """A broker in a container by testcontainers; its address on this machine."""
    _must(container.lacks())
    with container.run(0) as address:
        yield address
