"""A shop on the sandbox with running programs and a console before it: what the browser's tests look at.

The tests share it: each works with orders of its own, and takes back what it changes for all.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from operations.live_settings import read, save_rules, save_switch
from runtime.settings import Settings, load_settings
from runtime.settings_overlay import merged
from sandbox.remote import fetch_state
from schemas.codec import make_codec
from schemas.records import JournalEntry, ShopSettings, Switch
from schemas.topics import Topics
from tests.browser.gate import Gate
from tests.console.process import console_process
from tests.harness.ports import quiet_port
from tests.harness.programs import Programs, settings
from tests.harness.stand_ins import ask_sandbox, sandbox, switch
from tests.harness.topics import read_whole
from tests.harness.waiting import wait_until

PASSWORD = "correct horse battery"
SCRIPT = '<script>alert("x")</script><img src=x onerror=alert(1)>'
SECONDS = 60.0


@dataclass(slots=True)
class Scene:
    """`gate` = the console's way to BaseLinker; `hostile` = an order with a script in it."""

    root: str
    environment: dict[str, str]
    programs: Programs
    gate: Gate
    hostile: int
    template: dict[str, Any]
    refused: set[str]
    next_id: int = 900_000_000
    known: Settings = field(init=False)

    def __post_init__(self) -> None:
        given = {name: value for name, value in self.environment.items() if name != "BASELINKER_REQUESTS_PER_MINUTE"}
        self.known = load_settings(given, None, need="kafka")  # without the warning that this is too many

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

    def entries(self) -> list[JournalEntry]:
        """Everything in the queue so far."""
        topics = Topics(self.known.topic_prefix)
        codec = make_codec(topics, None)
        found = [message.value() for message in read_whole(self.known.kafka_bootstrap_servers, topics.journal)]
        return [codec.decode(value, JournalEntry) for value in found if isinstance(value, bytes)]

    def order(self, source: str = "shop", listed: bool = True, **changes: Any) -> int:
        """Somebody buys; returns the order's id. `listed` = BaseLinker's journal names it."""
        self.next_id += 1
        number = self.next_id
        order = {**self.template, "order_id": number, "order_source": source, "email": email_of(number), **changes}
        if source == "personal":
            order |= {"order_source_id": 0}
        ask_sandbox(self.base, "orders", {"order": order, "log_types": [1] if listed else []})
        return number

    def sent_order(self) -> int:
        """Somebody buys in the shop, and the order is sent."""
        number = self.order()
        self.wait_for(number)
        return number

    def refused_order(self) -> int:
        """Somebody buys whose e-mail SALESmanago refuses."""
        self._refuse(self.refused | {email_of(self.next_id + 1)})
        return self.order()

    def accept(self, number: int) -> None:
        """SALESmanago takes a refused order's e-mail from now on."""
        self._refuse(self.refused - {email_of(number)})

    def wait_for(self, *numbers: int) -> None:
        """Wait until orders are sent."""
        wait_until(lambda: set(numbers) <= set(self.purchases()), SECONDS, f"sent: {numbers}")

    def changed_settings(self) -> int:
        """How often processors have taken over settings."""
        return self.programs.logged("the shop's settings changed")

    def reset_settings(self) -> None:
        """Let the environment's settings be in effect again, for the processors, too."""
        if merged(self.known, read(self.known).rules) != self.known:
            before = self.changed_settings()
            save_rules(self.known, ShopSettings(None, None, None, None, "test", datetime.now(UTC)))
            wait_until(lambda: self.changed_settings() > before, SECONDS, "the processors' settings are as before")

    def resume(self) -> None:
        """Let the processors send again, where somebody has paused them."""
        if read(self.known).paused:
            before = self.programs.logged("resumed: continuing")
            save_switch(self.known, Switch(False, "", "test", datetime.now(UTC)))
            wait_until(lambda: self.programs.logged("resumed: continuing") > before, SECONDS, "the processors resume")

    def start_processor(self) -> None:
        """Start one, unless one is running."""
        started = [one for name, one in self.programs.started if name.startswith("processor")]
        if all(one.poll() is not None for one in started):
            self.programs.start("processor", HTTP_PORT=str(quiet_port()))

    def _refuse(self, emails: set[str]) -> None:
        self.refused = emails
        switch(self.sales, reject_emails=sorted(emails))


def email_of(number: int) -> str:
    """The e-mail of a test's order."""
    return f"nowy{number}@example.com"


@contextmanager
def scene(kafka: str, prefix: str, folder: Path, **more: str) -> Iterator[Scene]:
    """Everything, running; the orders of the beginning have their outcomes, two of them are refused."""
    with sandbox("--orders", "40") as apis, closing(Gate(apis["BASELINKER_API_URL"])) as gate:
        environment = settings(apis, kafka, prefix) | {"SWEEP_INTERVAL_SECONDS": "0", **more}
        base = apis["BASELINKER_API_URL"]
        state = fetch_state(base)
        shop = [one for one in state["orders"] if one["order_source"] == "shop" and one["confirmed"] and one["email"]]
        emails = [one["email"].lower() for one in shop]
        single = [one for one in shop if emails.count(one["email"].lower()) == 1]
        refused, hostile = {one["email"] for one in single[:2]}, single[4]
        switch(apis["SALESMANAGO_API_URL"], reject_emails=sorted(refused))
        ask_sandbox(base, "orders", {"order": {"order_id": hostile["order_id"], "delivery_fullname": SCRIPT}})
        with Programs(environment, folder) as programs:
            for program in ("producer", "processor"):
                programs.start(program, HTTP_PORT=str(quiet_port()))
            own = {"CONSOLE_PASSWORD": PASSWORD, "BASELINKER_API_URL": gate.url}
            with console_process(environment, folder / "own", **own) as root:
                template = dict(single[5])
                found = Scene(root, environment, programs, gate, hostile["order_id"], template, refused)
                found.wait_for(max(one["order_id"] for one in single))
                yield found
