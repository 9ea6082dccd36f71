import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from runtime.health import STUCK_SECONDS, Health, HealthServer
from runtime.logging import configure_logging, get_logger
from runtime.metrics import Metrics
from runtime.sliding_count import Recent


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


Served = tuple[HealthServer, Health, Metrics, Clock]


@pytest.fixture
def served() -> Iterator[Served]:
    clock = Clock()
    health, metrics = Health(clock), Metrics()
    server = HealthServer(0, health, metrics.registry)
    yield server, health, metrics, clock
    server.close()


def get(server: HealthServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_it_lives_while_the_loop_turns(served: Served) -> None:
    server, health, _, clock = served
    assert get(server, "/livez")[0] == 200
    clock.now += STUCK_SECONDS + 1
    assert get(server, "/livez")[0] == 503
    health.turn()
    assert get(server, "/livez")[0] == 200


def test_it_is_not_ready_before_anything_was_checked(served: Served) -> None:
    assert get(served[0], "/readyz")[0] == 503


def test_it_is_ready_when_every_check_is_fine_and_says_what_is_wrong(served: Served) -> None:
    server, health, _, _ = served
    health.set_ready("kafka", True)
    health.set_ready("salesmanago", False, "wrong API secret")
    status, body = get(server, "/readyz")
    checks = {"kafka": "ok", "salesmanago": "wrong API secret"}
    assert (status, json.loads(body)) == (503, {"ready": False, "checks": checks, "last_error": None})
    health.set_ready("salesmanago", True)
    assert get(server, "/readyz")[0] == 200


def test_a_check_that_fails_for_a_minute_is_told_in_the_log_once_an_hour_and_so_is_its_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    health = Health(clock)
    configure_logging("INFO", "json")

    def said() -> list[tuple[str, str, str | None, int | None]]:
        lines = map(json.loads, capsys.readouterr().err.splitlines())
        return [(line["event"], line["check"], line.get("state"), line.get("seconds")) for line in lines]

    def turn(seconds: float) -> None:
        clock.now += seconds
        health.turn()

    health.set_ready("broker", True)
    health.set_ready("assignment", False, "waiting")
    turn(59)
    health.set_ready("broker", False, "away")
    health.set_ready("broker", True)
    assert said() == []
    turn(1)
    assert said() == [("not ready", "assignment", "waiting", 60)]
    health.set_ready("assignment", False, "loading")
    turn(3599)
    assert said() == []
    turn(1)
    assert said() == [("not ready", "assignment", "loading", 3660)]
    health.set_ready("assignment", True)
    health.set_ready("assignment", True)
    turn(4000)
    assert said() == [("ready again", "assignment", None, None)]


def test_every_metric_is_served_with_its_sentence(served: Served) -> None:
    server, _, metrics, _ = served
    metrics.orders.labels("delivered", "").inc()
    status, body = get(server, "/metrics")
    assert status == 200
    assert 'bl2sm_orders_total{outcome="delivered",reason=""} 1.0' in body
    families = list(text_string_to_metric_families(body))  # type: ignore[no-untyped-call]
    assert families
    assert all(family.documentation for family in families)


def test_another_path_says_which_there_are(served: Served) -> None:
    status, body = get(served[0], "/")
    assert status == 404
    assert "/readyz" in body


def test_the_port_is_free_after_closing() -> None:
    first = HealthServer(0, Health(), Metrics().registry)
    first.close()
    HealthServer(first.port, Health(), Metrics().registry).close()


def test_the_last_line_that_names_an_error_is_told_without_what_is_masked(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    server, health, _, _ = served
    configure_logging("WARNING", "json", ["very-secret"], health.note_error)
    log = get_logger("test_health")
    log.warning("a call failed", error="jan@shop.example said very-secret", order_id=7)
    log.info("all is well")
    log.info("trying again", attempt=2)
    last = json.loads(get(server, "/readyz")[1])["last_error"]
    assert (last["what"], last["why"]) == ("a call failed (order 7)", "*** said ***")
    log.error("stopped")
    assert json.loads(get(server, "/readyz")[1])["last_error"]["what"] == "stopped"
    capsys.readouterr()


def test_requests_of_the_last_minute_are_counted_and_older_ones_are_not() -> None:
    now = [0.0]
    recent = Recent(lambda: now[0])
    for at in (0.0, 30.0, 59.0):
        now[0] = at
        recent.add()
    assert recent.count() == 3
    now[0] = 60.0
    assert recent.count() == 2
    now[0] = 200.0
    assert recent.count() == 0
