"""What these tests stand on: an engine, the images, a broker and a registry in containers. See docs/containers.md."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

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
def builds(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[str | None]]]:
    """What the tests asked for need, built two at a time while others run already; by fixture, why it can't be."""
    needed = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    jobs = {
        "image": engine.build_this,
        "sandbox_image": engine.build_sandbox,
        "registry_image": engine.ensure_registry,
        "old_image": engine.build_old,
    }
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(job) for name, job in jobs.items() if name in needed}


@pytest.fixture(scope="session")
def image(builds: dict[str, Future[str | None]]) -> str:
    """The image, built from this tree."""
    _must(builds["image"].result())
    return engine.IMAGE


@pytest.fixture(scope="session")
def sandbox_image(builds: dict[str, Future[str | None]]) -> str:
    """The sandbox's image, built from this tree."""
    _must(builds["sandbox_image"].result())
    return engine.SANDBOX_IMAGE


@pytest.fixture(scope="session")
def old_image(builds: dict[str, Future[str | None]]) -> str:
    """The image of an older commit."""
    _must(builds["old_image"].result())
    return engine.OLD_IMAGE


@pytest.fixture(scope="session")
def next_image(image: str) -> str:
    """This version with a field more in its schemas."""
    engine.build(engine.ROOT / "tests" / "containers" / "next", engine.NEXT_IMAGE, "--build-arg", f"BASE={image}")
    return engine.NEXT_IMAGE


@pytest.fixture(scope="session")
def registry_image(builds: dict[str, Future[str | None]]) -> None:
    """The registry's image is there."""
    _must(builds["registry_image"].result() if "registry_image" in builds else engine.ensure_registry())


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
