"""A shop, both stand-ins and the programs in their own topics: what a test of troubled APIs does with them."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.remote import fetch_state
from schemas.topics import Topics
from tests.harness.judge import left_undone, wrong
from tests.harness.programs import Programs, settings
from tests.harness.stand_ins import an_order, ask_sandbox, sandbox, switch
from tests.harness.topics import dead_letters, group_members
from tests.harness.waiting import LONG, wait_until, wait_until_none

QUICK = {"SETTLE_SECONDS": "1", "CREATE_TIMEOUT_SECONDS": "1", "DELIVERY_THREADS": "4"}


@dataclass(slots=True)
class Trouble:
    """One test's world; `base` and `sales` are the stand-ins' URLs."""

    apis: dict[str, str]
    kafka: str
    prefix: str
    programs: Programs
    _placed: list[int] = field(default_factory=list)

    @property
    def base(self) -> str:
        """BaseLinker's."""
        return self.apis["BASELINKER_API_URL"]

    @property
    def sales(self) -> str:
        """SALESmanago's."""
        return self.apis["SALESMANAGO_API_URL"]

    # ---- programs

    def members(self) -> frozenset[str]:
        """The processors' members as the broker names them: a new name for each joining."""
        return frozenset(member.member_id for member in group_members(self.kafka, f"{self.prefix}-processor"))

    def attempts(self) -> list[int]:
        """The failures counted against each order that is done."""
        lines = [line for path in self.programs.folder.glob("*.log") for line in path.read_text().splitlines()]
        done = [json.loads(line) for line in lines if '"order done"' in line]
        return [line["attempt"] for line in done]

    # ---- stand-ins

    def play(self, url: str, *faults: Mapping[str, Any]) -> None:
        """Set the faults of one API; none = all is well again."""
        switch(url, faults=list(faults))

    def edit(self, order_id: int, log_type: int, **fields: Any) -> None:
        """Change an order, with a journal entry."""
        order: dict[str, Any] = {"order_id": order_id, **fields}
        ask_sandbox(self.base, "orders", {"order": order, "log_types": [log_type]})

    def make_heavy(self, email: str, events: int) -> None:
        """Give a contact a long history of its own."""
        ask_sandbox(self.sales, "heavy", {"email": email, "events": events})

    def played(self, url: str) -> int:
        """How many faults were played."""
        return sum(fetch_state(url)["faults"].values())

    def asked(self, url: str, since: float = 0.0, until: float = float("inf")) -> list[dict[str, Any]]:
        """The requests that came in this time (unix seconds)."""
        return [one for one in ask_sandbox(url, "asked", {}) if since < one["at"] < until]

    def place(self, count: int) -> list[int]:
        """New orders of new buyers, with their journal entries; their ids."""
        ids = [900_000_000 + len(self._placed) + number for number in range(count)]
        self._placed += ids
        orders = [an_order(number, email=email_of(number), phone=f"+48 5{number % 100_000_000:08d}") for number in ids]
        ask_sandbox(self.base, "orders", [{"order": order, "log_types": [1]} for order in orders])
        return ids

    def place_unread(self, count: int) -> None:
        """New orders whose entries lie in Kafka, while no processor gets to read the orders."""
        before = self.programs.logged("published")
        self.play(self.base, {"kind": "reset", "where": "getOrders"})
        self.place(count)
        wait_until(lambda: self.programs.logged("published") > before, LONG, "the entries are published")

    # ---- judging

    def arrived(self, seconds: float = LONG) -> None:
        """Wait until all that is due has arrived."""
        wait_until_none(lambda: wrong(self.apis), seconds, "all that is due has arrived")

    def letters(self) -> list[tuple[bytes | None, str, str]]:
        """The dead letters."""
        return dead_letters(self.kafka, Topics(self.prefix))

    def wrong(self) -> list[str]:
        """What is not as it should be, at SALESmanago and in Kafka; a dead letter too."""
        return wrong(self.apis) + left_undone(self.kafka, self.prefix, fetch_state(self.sales))

    def undone(self) -> list[str]:
        """Wait until Kafka, too, says that nothing is left to do; what is wrong then, dead letters at least."""
        until = time.monotonic() + LONG
        while True:
            found = self.wrong()
            if all(line.startswith("dead letter") for line in found) or time.monotonic() > until:
                return found
            time.sleep(1.0)


@contextmanager
def trouble(kafka: str, prefix: str, folder: Path, *options: str, **more: str) -> Iterator[Trouble]:
    """A world with a small shop; `options` are the sandbox's, `more` settings of all programs."""
    with sandbox(*options) as apis:
        environment = settings(apis, kafka, prefix) | QUICK | more
        with Programs(environment, folder) as programs:
            yield Trouble(apis, kafka, prefix, programs)


def email_of(order_id: int) -> str:
    """The address of the buyer of an order that was placed."""
    return f"new{order_id}@example.com"
