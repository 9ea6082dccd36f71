"""The compose file as it is used: first the demo, then, in the same project, a filled `.env`.

Secrets by file, scaling under load, stops, replay, data that outlive `down`. The tests build on each other, in order.
"""

import json
import os
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from sandbox.remote import fetch_state
from tests.containers.compose import Compose, clean_copy, exit_code, restarts
from tests.containers.engine import docker
from tests.containers.running import email_of, new_orders, passed_on
from tests.faults.broker import groups_partition
from tests.faults.life import Life
from tests.harness.judge import wrong
from tests.harness.programs import settings
from tests.harness.stand_ins import sandbox, switch
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.containers


QUIET_SECONDS = 5.0
GROUPS_PARTITIONS = 50  # of __consumer_offsets, unless a broker is told otherwise
CRASH = """
import os
for pid in filter(str.isdigit, os.listdir("/proc")):
    if b"bl2sm\\0process" in open(f"/proc/{pid}/cmdline", "rb").read() and pid != "1":
        os.kill(int(pid), 9)
"""
FILES = "docker-compose.yml:deploy/compose.secrets.yml:here.yml"
HERE = """
x-here: &here {extra_hosts: ["host.docker.internal:host-gateway"]}
services: {producer: *here, processor: *here, bl2sm: *here}
"""
SECRETS = {"BASELINKER_TOKEN": "baselinker_token", "SALESMANAGO_API_SECRET": "salesmanago_api_secret"}
VERIFY = (
    "python -m sandbox.verify --baselinker-url http://127.0.0.1:7001/connector.php"
    " --salesmanago-url http://127.0.0.1:7002/api --tag-order-source both --contact-tag"
)


@dataclass(slots=True)
class Shop:
    """The running project, and the stand-ins on this machine, which outlive its containers."""

    compose: Compose
    apis: dict[str, str]

    def events(self) -> int:
        return len(fetch_state(self.apis["SALESMANAGO_API_URL"])["events"])

    def done(self) -> None:
        wait_until(lambda: wrong(self.apis) == [], 150, "every order is as it should be")

    def tool(self, *command: str) -> str:
        return self.compose("run", "--rm", "-T", "bl2sm", *command)


@pytest.fixture(scope="module")
def project(
    image: str, sandbox_image: str, registry_image: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Compose]:
    compose = Compose(clean_copy(tmp_path_factory.mktemp("shop") / "clone"), f"bl2sm-{uuid.uuid4().hex[:8]}")
    try:
        yield compose
    finally:
        compose.down()


@pytest.fixture(scope="module")
def shop(project: Compose) -> Iterator[Shop]:
    folder = project.folder
    with sandbox("--orders", "150", "--latency", "0.1", "--versions", "--host", "0.0.0.0") as apis:
        reached = {name: value.replace("127.0.0.1", "host.docker.internal") for name, value in apis.items()}
        wanted = {**passed_on(settings(reached, "", "shop")), "COMPOSE_FILE": FILES}
        (folder / "secrets").mkdir()
        for name, file in SECRETS.items():
            (folder / "secrets" / file).write_text(wanted.pop(name))
            os.chown(folder / "secrets" / file, 10001, -1)
            (folder / "secrets" / file).chmod(0o400)
        (folder / ".env").write_text("".join(f"{name}='{value}'\n" for name, value in wanted.items()))
        (folder / "here.yml").write_text(HERE)
        project("up", "--detach", "--wait", "--no-build")
        yield Shop(project, apis)


def test_a_newcomer_without_any_account_sees_orders_arrive(project: Compose) -> None:
    assert not (project.folder / ".env").exists()
    project("--profile", "demo", "up", "--detach", "--wait", "--no-build")
    services = ["kafka", "schema-registry", "producer", "processor", "sandbox"]
    assert project.states() == {f"{service}-1": "healthy" for service in services}

    def verified() -> bool:
        verify = ["exec", "-T", "sandbox", *VERIFY.split(), "Sklep Łódź"]
        return project.try_("--profile", "demo", *verify).stdout.strip() == "all orders are as they should be"

    wait_until(verified, 120, "every order in the sandbox's SALESmanago")
    assert "contacts and" in project("--profile", "demo", "logs", "sandbox")
    assert "DEMO: the settings name no account" in project("logs", "processor")
    assert "delivered: created" in project("run", "--rm", "-T", "bl2sm", "status")
    project("--profile", "demo", "stop", "sandbox")
    told = project.try_("run", "--rm", "-T", "--no-deps", "processor")
    assert told.returncode == 2, "without a sandbox nothing takes the place of an account"
    assert "BASELINKER_TOKEN: is missing" in told.stderr + told.stdout


def test_all_are_healthy_and_the_secrets_are_in_no_environment(shop: Shop) -> None:
    services = ["kafka", "schema-registry", "producer", "processor"]
    states = shop.compose.states()
    assert {service: states[f"{service}-1"] for service in services} == dict.fromkeys(services, "healthy")
    for service in ("producer", "processor"):
        environment = docker("inspect", "--format", "{{.Config.Env}}", *shop.compose.containers(service))
        assert "_FILE=/run/secrets/" in environment
        assert shop.apis["BASELINKER_TOKEN"] not in environment
        assert shop.apis["SALESMANAGO_API_SECRET"] not in environment


def test_scaled_to_3_and_back_with_kills_nothing_is_lost_or_doubled(shop: Shop) -> None:
    life = Life(shop.apis["BASELINKER_API_URL"], random.Random(7), 4.0, 2.0)
    life.start()
    scale = ("up", "--detach", "--no-build", "--no-recreate", "--scale")
    shop.compose(*scale, "processor=3")

    def all_three_work() -> bool:
        running = shop.compose.containers("processor")
        return len(running) == 3 and all(_finished(shop, one) > 0 for one in running)

    wait_until(all_three_work, 120, "three processors work")
    docker("kill", shop.compose.containers("processor")[0])
    docker("kill", *shop.compose.containers("producer"))
    shop.compose(*scale, "processor=3")
    wait_until(all_three_work, 120, "they work again")
    crashed = shop.compose.containers("processor")[2]
    shop.compose.try_exec(crashed, "python", "-c", CRASH)
    wait_until(lambda: restarts(crashed) == 1, 60, "a processor that crashes is started again")
    docker("kill", shop.compose.containers("processor")[1])
    shop.compose(*scale, "processor=1")
    assert len(shop.compose.containers("processor")) == 1
    life.end()
    shop.done()
    audited = shop.compose.try_("run", "--rm", "-T", "bl2sm", "audit", "--since", "4d", "--json")
    assert audited.returncode in {0, 1}, audited.stderr
    told = json.loads(audited.stdout)
    assert told["orders"] >= 100, "it saw the orders"
    findings = {str(one["order_id"]) for one in told["findings"]}
    # a purchase stays with the buyer it was created for: audit asks for the one whose e-mail was edited in
    assert findings <= fetch_state(shop.apis["BASELINKER_API_URL"])["earlier"].keys()


def test_a_stop_ends_producer_and_processor_in_order(shop: Shop) -> None:
    switch(shop.apis["SALESMANAGO_API_URL"], latency=1.0)
    new_orders(shop.apis["BASELINKER_API_URL"], 12)
    running = [*shop.compose.containers("producer"), *shop.compose.containers("processor")]
    before = shop.events()
    wait_until(lambda: shop.events() > before, 60, "it is in the middle of them")
    shop.compose("stop", "producer", "processor")
    assert [exit_code(container) for container in running] == [0, 0], shop.compose.logs()
    switch(shop.apis["SALESMANAGO_API_URL"], latency=0.1)
    shop.compose("start", "producer", "processor")
    shop.done()


def test_a_replay_by_the_tools_container_updates_and_creates_nothing(shop: Shop) -> None:
    shop.compose("stop", "processor")
    command = ("replay", "--from-offset", "0", "--json")
    assert json.loads(shop.tool(*command))["executed"] is False
    assert json.loads(shop.tool(*command, "--execute"))["executed"] is True
    shop.compose("start", "processor")

    def updated() -> bool:
        state = fetch_state(shop.apis["SALESMANAGO_API_URL"])
        updates = {write["external_id"] for write in state["writes"] if write["kind"] == "update"}
        return updates == {event["externalId"] for event in state["events"]}

    wait_until(updated, 150, "every purchase is updated")
    shop.done()


def test_kafka_started_without_a_partition_of_its_groups_goes_on(shop: Shop) -> None:
    """What docs/operations.md says where a group can't be loaded, with the group's own partition."""
    shop.done()
    time.sleep(QUIET_SECONDS)
    before = fetch_state(shop.apis["SALESMANAGO_API_URL"])["writes"]
    partition = f"__consumer_offsets-{groups_partition('shop-processor', GROUPS_PARTITIONS)}"
    shop.compose("stop", "kafka")
    remove = ("--entrypoint", "rm", "kafka", "-r", f"/var/lib/kafka/data/{partition}")
    shop.compose("run", "--rm", "-T", "--no-deps", *remove)
    shop.compose("up", "--detach", "--wait", "--no-build")
    (new,) = new_orders(shop.apis["BASELINKER_API_URL"], 1)
    wait_until(lambda: str(new) in _written(shop, len(before)), 150, "the new order arrives")
    shop.done()
    time.sleep(QUIET_SECONDS)
    assert _written(shop, len(before)) == {str(new), email_of(new)}, "what was done before was sent again"


def test_what_lies_in_kafka_outlives_down_and_up(shop: Shop) -> None:
    shop.compose.down(volumes=False)
    before = fetch_state(shop.apis["SALESMANAGO_API_URL"])["writes"]
    shop.compose("up", "--detach", "--wait", "--no-build")
    (new,) = new_orders(shop.apis["BASELINKER_API_URL"], 1)
    wait_until(lambda: str(new) in _written(shop, len(before)), 120, "the new order arrives")
    shop.done()
    time.sleep(QUIET_SECONDS)
    assert _written(shop, len(before)) == {str(new), email_of(new)}, "the ledger was lost: orders were sent again"


def _written(shop: Shop, start: int) -> set[str]:
    """Whom the writes from `start` on concern: order ids of purchases, e-mails of contacts."""
    writes = fetch_state(shop.apis["SALESMANAGO_API_URL"])["writes"][start:]
    return {str(write.get("external_id") or write["email"]) for write in writes}


def _finished(shop: Shop, container: str) -> float:
    """How many orders a processor has finished; 0 before it answers."""
    look = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/metrics', timeout=3).read().decode())"
    told = shop.compose.try_exec(container, "python", "-c", look)
    return sum(float(line.split()[1]) for line in told.splitlines() if line.startswith("bl2sm_orders_total{"))
