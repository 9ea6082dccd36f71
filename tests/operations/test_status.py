"""`status`: what programs report of themselves, running or not; and that nothing personal leaves any of them."""

import hashlib
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runtime.settings import load_settings
from sandbox.remote import fetch_state
from schemas.topics import Topics
from tests.harness.commands import bl2sm
from tests.harness.ports import quiet_port
from tests.harness.programs import Programs, page
from tests.harness.stand_ins import an_order, ask_sandbox, switch
from tests.harness.topics import read_whole
from tests.harness.waiting import wait_until
from tests.harness.webhook import receiver
from tests.operations.shop import deployment

PERSONAL = re.compile(r"email|phone|user_login|fullname|company|address|postcode|city|nip|comments")


@dataclass(frozen=True, slots=True)
class Living:
    """A producer and a processor at work, each with a port of its own; `folder` holds their logs."""

    environment: dict[str, str]
    programs: Programs
    ports: dict[str, int]
    folder: Path


def lags(living: Living) -> list[float]:
    """The lag of each partition that the processor owns."""
    lines = page(living.ports["processor"], "/metrics")[1].splitlines()
    return [float(line.split()[1]) for line in lines if line.startswith("bl2sm_lag_entries{")]


@pytest.fixture(scope="module")
def living(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """All orders are through at LOG_LEVEL=DEBUG, but one that SALESmanago refuses."""
    folder = tmp_path_factory.mktemp("living")
    with deployment(kafka, "--orders", "60", LOG_LEVEL="DEBUG") as environment:
        orders = fetch_state(environment["BASELINKER_API_URL"])["orders"]
        refused = next(one for one in orders if one["order_source"] == "shop" and one["confirmed"] and one["email"])
        switch(environment["SALESMANAGO_API_URL"], reject_emails=[refused["email"]])
        ports = {"producer": quiet_port(), "processor": quiet_port()}
        with Programs(environment, folder) as programs:
            for module, port in ports.items():
                programs.start(module, HTTP_PORT=str(port))
            logged = {log["order_id"] for log in fetch_state(environment["BASELINKER_API_URL"])["logs"]}
            wait_until(lambda: programs.logged("order done") >= len(logged), 120, "all orders have an outcome")
            yield Living(environment, programs, ports, folder)


def test_status_counts_what_was_delivered_and_reports_what_is_not_running(delivered: dict[str, str]) -> None:
    ran = bl2sm(delivered, "status", "--json")
    assert ran.code == 1
    sales = fetch_state(delivered["SALESMANAGO_API_URL"])
    day = Counter({name.split(":")[0]: 0 for name in ran.data["last_day"]})
    for name, count in ran.data["last_day"].items():
        day[name.split(":")[0]] += count
    assert day["delivered"] >= len({event["externalId"] for event in sales["events"]}) > 0
    assert sum(day.values()) == len({log["order_id"] for log in fetch_state(delivered["BASELINKER_API_URL"])["logs"]})
    assert ran.data["waiting"] == 0
    assert ran.data["dead_letters"] == 0
    assert any("no processor is running" in text for text in ran.data["problems"])
    assert "partition\towner\tcommitted" in bl2sm(delivered, "status").out


def test_status_and_check_name_a_domain_that_looks_like_a_relay_and_the_setting_that_adds_it(living: Living) -> None:
    environment = living.environment
    assert bl2sm(environment, "status", "--json").data["unlisted_relays"] == {}
    like = an_order(749_000_000, order_source="mk7")
    orders = [like | {"order_id": like["order_id"] + n, "email": f"a{n}b{n}c{n}d4e5@mk7.example"} for n in range(6)]
    edits = [{"order": order, "log_types": [1]} for order in orders]
    ask_sandbox(environment["BASELINKER_API_URL"], "orders", edits)
    name = 'bl2sm_unlisted_relay_orders{domain="mk7.example"} 6.0'
    wait_until(lambda: name in page(living.ports["processor"], "/metrics")[1], 60, "the processor reports the domain")
    line = "MASKED_EMAIL_DOMAINS=+mk7.example"
    found = bl2sm(environment, "status", "--json").data
    assert (found["unlisted_relays"], found["relay_setting"]) == ({"mk7.example": 6}, line)
    assert not any("mk7" in text for text in found["problems"])
    assert f"mk7.example (6 orders); if they are, set {line}" in bl2sm(environment, "status").out
    findings = bl2sm(environment, "check", "--json").data["findings"]
    (warning,) = (one for one in findings if one["name"] == "relay addresses")
    assert (warning["state"], "mk7.example (6 orders)" in warning["text"], line in warning["mend"]) == (
        "warning",
        True,
        True,
    )


def test_nothing_personal_and_no_secret_is_in_logs_topics_metrics_and_what_commands_print(living: Living) -> None:
    environment, state = living.environment, fetch_state(living.environment["BASELINKER_API_URL"])
    order = str(fetch_state(environment["SALESMANAGO_API_URL"])["events"][0]["externalId"])
    commands = (["status"], ["status", "--json"], ["explain", order], ["dead-letters", "list"], ["check"],
                ["audit", "--since", "30d"], ["process", "--dry-run", "--json"])  # fmt: skip
    told = [ran.out + ran.err for arguments in commands for ran in [bl2sm(environment, *arguments)]]
    told += [path.read_text(errors="replace") for path in living.folder.glob("*.log")]
    told += [page(port, path)[1] for port in living.ports.values() for path in ("/metrics", "/readyz", "/livez")]
    raw = []
    for topic in Topics(environment["TOPIC_PREFIX"]).all:
        for message in read_whole(environment["KAFKA_BOOTSTRAP_SERVERS"], topic):
            headers = [part for header in message.headers() or () for part in header]
            raw += [message.key(), message.value(), *headers]
    assert len(raw) > 100
    told += [part if isinstance(part, str) else part.decode("latin-1") for part in raw if part is not None]
    assert '"order done"' in "".join(told)
    text = "\n".join(told)
    plain, loud = text.encode(errors="replace").decode("utf-8", "replace"), text.casefold()
    for what, value in sorted({*personal(state["orders"]), *secrets(environment)}):
        assert value.casefold() not in loud, f"{what}: {value}"
        assert value.encode().decode("latin-1") not in plain, f"{what}: {value}"


def personal(orders: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Every personal value of the shop, whole and word by word, phones also by their last digits."""
    for order in orders:
        for name, value in order.items():
            if not PERSONAL.search(name) or not isinstance(value, str) or len(value.strip()) < 4 or _hex(value):
                continue
            yield name, value.strip()
            if "phone" in name:
                yield name, re.sub(r"\D", "", value)[-9:]
            elif "city" not in name and "address" not in name:
                yield from (
                    (name, word)
                    for word in re.findall(r"[^\W\d_]{4,}", value)
                    if word.lower() not in HARMLESS and not _hex(word)
                )


def _hex(value: str) -> bool:
    """Whether a short value may stand in any id by chance."""
    return len(value) < 8 and re.fullmatch(r"[0-9a-fA-F-]+", value) is not None


HARMLESS = frozenset({"example", "allegromail", "klient", "shop", "test"})  # words of the programs' own texts


def secrets(environment: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Token, keys, and what is made of them."""
    for name in ("BASELINKER_TOKEN", "SALESMANAGO_API_SECRET", "SALESMANAGO_V3_API_KEY", "SALESMANAGO_OWNER"):
        yield name, environment[name]
    key = load_settings(environment, None, need="processor").salesmanago_api_key.get_secret_value()
    text = f"{key}{environment['SALESMANAGO_CLIENT_ID']}{environment['SALESMANAGO_API_SECRET']}"
    yield "SALESMANAGO_API_KEY", key
    yield "sha", hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def test_status_and_alerts_ask_the_members_themselves_and_report_what_only_they_know(living: Living) -> None:
    environment, ports = living.environment, living.ports
    base, sales = environment["BASELINKER_API_URL"], environment["SALESMANAGO_API_URL"]

    def status() -> Any:
        return bl2sm(environment, "status", "--json").data

    def asked() -> set[str]:
        return {one["url"].rpartition(":")[2] for one in status()["programs"]}

    wait_until(lambda: set(lags(living)) == {0.0}, 60, "nothing waits")
    wait_until(lambda: asked() == {str(port) for port in ports.values()}, 60, "these two are the only members")
    found = status()
    programs = {one["program"]: one for one in found["programs"]}
    assert [one["not_asked"] for one in found["programs"]] == [None, None]
    assert all(one["ready"] for one in programs.values()), programs
    assert found["requests_last_minute"] >= programs["producer"]["requests_last_minute"] > 0
    assert programs["processor"]["share"] > programs["producer"]["share"] > 0
    assert found["retrying"] == 0
    assert found["dead_letters"] >= 1
    assert "refuses" in found["last_error"]["why"]
    assert "ready" in bl2sm(environment, "status").out

    order = fetch_state(sales)["events"][-1]["externalId"]
    try:
        with receiver() as (url, got):
            environment = {**environment, "ALERT_WEBHOOK_URL": url}
            assert bl2sm(environment, "alerts", "--once", "--json").code == 1  # a dead letter
            assert {one["kind"] for one in got} == {"dead_letters"}
            got.clear()

            switch(sales, auth_ok=False)  # the processor alone notices: it pauses
            ask_sandbox(base, "orders", {"order": {"order_id": int(order), "delivery_price": 77.7}, "log_types": [2]})
            wait_until(lambda: "credentials" in page(ports["processor"], "/readyz")[1], 60, "the processor pauses")
            wait_until(lambda: sum(lags(living)) == 1, 60, "its lag is reported")
            switch(base, blocked_until=time.time() + 600)
            wait_until(lambda: "blocked" in page(ports["producer"], "/readyz")[1], 60, "the producer sees the block")
            assert bl2sm(environment, "alerts", "--once").code == 1
            assert {one["kind"] for one in got} == {"dead_letters", "paused", "token_blocked"}
            assert all("SALESMANAGO" in one["text"] for one in got if one["kind"] == "paused")
        found = status()
    finally:  # for the commands of the tests that follow; these two programs know what they know
        switch(sales, auth_ok=True)
        switch(base, blocked_until=0.0)
    programs = {one["program"]: one for one in found["programs"]}
    assert (programs["processor"]["paused"], programs["producer"]["blocked"]) == (True, True)
    assert any("credentials" in text for text in found["problems"])
    assert any("blocked" in text for text in found["problems"])


def test_a_killed_program_is_reported_as_one_that_does_not_answer(living: Living) -> None:
    port = quiet_port()
    short = {"SESSION_TIMEOUT_MS": "6000", "CREATE_TIMEOUT_SECONDS": "1"}  # of a member that is gone soon
    killed = living.programs.start("producer", HTTP_PORT=str(port), **short)  # stands by
    wait_until(lambda: page(port, "/livez")[0] == 200, 60, "it answers")
    killed.kill()
    killed.wait(30)
    away = bl2sm(living.environment, "status", "--json", "--endpoint", f"http://127.0.0.1:{port}").data
    assert any("does not answer" in text for text in away["problems"])
