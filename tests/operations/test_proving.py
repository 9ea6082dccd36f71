"""`audit` and `alerts`: what is missing, doubled or stuck is found and told; what is fine is not."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from clients import Http, SalesManago
from clients.contacts import PurchaseEvent
from sandbox.verify import fetch_state
from tests.operations.commands import bl2sm
from tests.operations.test_mending import purchases
from tests.programs import Programs, sandbox, settings


def sales_client(apis: dict[str, str]) -> SalesManago:
    """Somebody else who writes to the same account."""
    return SalesManago(
        Http("SALESmanago"),
        apis["SALESMANAGO_API_URL"],
        apis["SALESMANAGO_CLIENT_ID"],
        apis["SALESMANAGO_API_SECRET"],
        "another",
        apis["SALESMANAGO_OWNER"],
    )


def test_audit_finds_a_missing_and_a_doubled_purchase_and_nothing_else(kafka: str, prefix: str, tmp_path: Path) -> None:
    with sandbox("--orders", "25") as apis:
        environment = settings(apis, kafka, prefix)
        with Programs(environment, tmp_path) as programs:
            programs.finish()
        fine = bl2sm(environment, "audit", "--since", "30d", "--json")
        assert fine.code == 0, fine.out
        assert fine.data["sent"] == len(purchases(apis))
        assert fine.data["findings"] == []
        events = fetch_state(apis["SALESMANAGO_API_URL"])["events"]
        gone, doubled = events[0], events[1]
        sales = sales_client(apis)
        sales.delete_event(gone["eventId"])
        again = PurchaseEvent(str(doubled["externalId"]), datetime.now(UTC), "sandbox_shop", Decimal("1.00"))
        sales.add_event(doubled["contactId"], again)
        ran = bl2sm(environment, "audit", "--since", "30d", "--json")
        assert ran.code == 1
        found = {str(one["order_id"]): one["kind"] for one in ran.data["findings"]}
        assert found == {str(gone["externalId"]): "missing", str(doubled["externalId"]): "doubled"}
        assert all(one["mend"] for one in ran.data["findings"])
        for order in fetch_state(apis["BASELINKER_API_URL"])["orders"]:
            assert order["email"] == "" or order["email"] not in ran.out


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A receiver of alarms, and what it got."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook", got
    server.shutdown()


def test_alerts_tell_a_webhook_that_nothing_runs(
    kafka: str, prefix: str, tmp_path: Path, webhook: tuple[str, list[dict[str, Any]]]
) -> None:
    url, got = webhook
    with sandbox("--orders", "3") as apis:
        environment = settings(apis, kafka, prefix)
        assert bl2sm(environment, "alerts", "--test").code == 1
        environment["ALERT_WEBHOOK_URL"] = url
        assert bl2sm(environment, "topics").code == 0
        assert bl2sm(environment, "alerts", "--test").code == 0
        assert [one["kind"] for one in got] == ["test"]
        assert bl2sm(environment, "alerts", "--once").code == 1
        assert {one["kind"] for one in got[1:]} == {"processors_stopped", "producers_stopped"}
        assert {one["state"] for one in got} == {"firing"}
        away = bl2sm(environment, "alerts", "--once", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
        assert away.code == 1
        assert got[-1]["kind"] == "broker_away"
