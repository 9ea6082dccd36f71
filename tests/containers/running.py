"""Single containers: a registry by testcontainers, and programs from the image beside a broker on this machine."""

import subprocess
import time
import urllib.request
from typing import Any

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from sandbox.remote import fetch_state
from tests.containers.engine import REGISTRY, docker
from tests.harness.stand_ins import ask_sandbox

SECURE = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")
PASSED_ON = ("BASELINKER_", "SALESMANAGO_", "KAFKA_", "SCHEMA_", "TOPIC_", "POLL_", "CONTACT_", "TAG_", "LOG_")
HURRIED = {
    "SETTLE_SECONDS": "3", "CREATE_TIMEOUT_SECONDS": "2", "SESSION_TIMEOUT_MS": "7000", "DELIVERY_THREADS": "4",
}  # fmt: skip


class Registry:
    """Apicurio Registry, in memory."""

    def __init__(self) -> None:
        testcontainers_config.ryuk_disabled = True  # what is started here is stopped here
        self._container: Any = DockerContainer(REGISTRY).with_exposed_ports(8080)

    def __enter__(self) -> "Registry":
        self._container.start()
        until = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/subjects", timeout=2).close()
                return self
            except OSError:
                assert time.monotonic() < until, self._container.get_logs()
                time.sleep(0.5)

    def __exit__(self, *ending: object) -> None:
        self._container.stop()

    @property
    def url(self) -> str:
        """Where the Confluent-compatible API is."""
        address = f"{self._container.get_container_host_ip()}:{self._container.get_exposed_port(8080)}"
        return f"http://{address}/apis/ccompat/v7"


def start(image: str, environment: dict[str, str], *command: str) -> str:
    """Start a program as compose does, on this machine's network; its container's id."""
    options = [part for name, value in passed_on(environment).items() for part in ("--env", f"{name}={value}")]
    return docker("run", "--detach", "--network", "host", *SECURE, *options, image, *command)


def passed_on(environment: dict[str, str]) -> dict[str, str]:
    """The settings among the variables, with those that make tests short."""
    return {**{name: value for name, value in environment.items() if name.startswith(PASSED_ON)}, **HURRIED}


def ended(container: str, seconds: float = 150) -> int:
    """Wait for a container's end; its exit code."""
    try:
        return int(docker("wait", container, timeout=seconds))
    except subprocess.TimeoutExpired:
        raise AssertionError(f"still running: {logs(container)}") from None


def logs(container: str) -> str:
    """The end of what it said."""
    told = subprocess.run(["docker", "logs", "--tail", "40", container], capture_output=True, text=True, check=False)
    return (told.stdout + told.stderr)[-5000:]


def finish(image: str, environment: dict[str, str], *programs: str) -> None:
    """Let programs end what is left, one after the other; each must end with 0."""
    for program in programs:
        container = start(image, environment, program, "--until-caught-up")
        assert ended(container) == 0, logs(container)
        docker("rm", container)


def new_orders(base: str, count: int) -> list[int]:
    """Add orders of the own store to BaseLinker's stand-in, each with a buyer of its own; return their ids."""
    known = fetch_state(base)["orders"]
    like = next(one for one in known if one["order_source"] == "shop" and one["email"] and one["confirmed"])
    order_id = max(int(one["order_id"]) for one in known)
    edits, made = [], []
    for _ in range(count):
        order_id += 1
        made.append(order_id)
        own = {"order_id": order_id, "email": email_of(order_id), "phone": f"+48 5{order_id % 10**8:08d}"}
        own["delivery_fullname"] = f"Nowy Kupujący {order_id} v0"
        edits.append({"order": {**like, **own}, "log_types": [1]})
    ask_sandbox(base, "orders", edits)
    return made


def email_of(order_id: int) -> str:
    """The buyer's of a new order."""
    return f"nowy{order_id}@example.com"
