"""A shop on the sandbox with running programs and a console before it: what the browser's tests look at."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.remote import fetch_state
from tests.browser.browsing import console
from tests.harness.ports import quiet_port
from tests.harness.programs import Programs, settings
from tests.harness.stand_ins import ask_sandbox, sandbox, switch
from tests.harness.waiting import wait_until

PASSWORD = "correct horse battery"
SCRIPT = '<script>alert("x")</script><img src=x onerror=alert(1)>'


@dataclass(slots=True)
class Scene:
    """`refused` are orders that SALESmanago refuses; `missing` those the journal never named."""

    root: str
    environment: dict[str, str]
    programs: Programs
    refused: list[int]
    missing: list[int]
    hostile: int
    template: dict[str, Any]
    next_id: int = 900_000_000

    @property
    def base(self) -> str:
        """BaseLinker's stand-in."""
        return self.environment["BASELINKER_API_URL"]

    @property
    def sales(self) -> str:
        """SALESmanago's stand-in."""
        return self.environment["SALESMANAGO_API_URL"]

    def purchases(self) -> list[int]:
        """The orders with a purchase, one for each."""
        return [int(event["externalId"]) for event in fetch_state(self.sales)["events"]]

    def updates(self) -> list[int]:
        """The orders whose purchases were updated."""
        return [int(one["external_id"]) for one in fetch_state(self.sales)["writes"] if one["kind"] == "update"]

    def tags(self, email: str) -> list[str]:
        """A contact's tags."""
        contacts = fetch_state(self.sales)["contacts"]
        return next((one["tags"] for one in contacts if one["email"].lower() == email.lower()), [])

    def order(self, source: str = "shop", **changes: Any) -> int:
        """Somebody buys; returns the order's id."""
        self.next_id += 1
        number = self.next_id
        email = f"nowy{number}@example.com"
        order = {**self.template, "order_id": number, "order_source": source, "email": email, **changes}
        if source == "personal":
            order |= {"order_source_id": 0}
        ask_sandbox(self.base, "orders", {"order": order, "log_types": [1]})
        return number


@contextmanager
def scene(kafka: str, prefix: str, folder: Path, **more: str) -> Iterator[Scene]:
    """Everything, running; the orders of the beginning have their outcomes."""
    with sandbox("--orders", "40") as apis:
        environment = settings(apis, kafka, prefix) | {"SWEEP_INTERVAL_SECONDS": "0", **more}
        base = apis["BASELINKER_API_URL"]
        state = fetch_state(base)
        shop = [one for one in state["orders"] if one["order_source"] == "shop" and one["confirmed"] and one["email"]]
        emails = [one["email"].lower() for one in shop]
        single = [one for one in shop if emails.count(one["email"].lower()) == 1]
        refused, missing, hostile = single[:2], single[2:4], single[4]
        switch(apis["SALESMANAGO_API_URL"], reject_emails=[one["email"] for one in refused])
        gone = {one["order_id"] for one in missing}
        switch(base, hidden_log_ids=[log["log_id"] for log in state["logs"] if log["order_id"] in gone])
        ask_sandbox(base, "orders", {"order": {"order_id": hostile["order_id"], "delivery_fullname": SCRIPT}})
        with Programs(environment, folder) as programs:
            for program in ("producer", "processor"):
                programs.start(program, HTTP_PORT=str(quiet_port()))
            with console({**os.environ, **environment}, folder / "own", CONSOLE_PASSWORD=PASSWORD) as root:
                found = Scene(
                    root,
                    environment,
                    programs,
                    [one["order_id"] for one in refused],
                    [one["order_id"] for one in missing],
                    hostile["order_id"],
                    dict(single[5]),
                )
                last = max(one["order_id"] for one in single if one["order_id"] not in gone)
                wait_until(lambda: last in found.purchases(), 60, "the first orders are sent")
                yield found
