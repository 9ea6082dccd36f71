"""One order's way from the journal on, in topics of its own: judged by what arrived and by what Kafka keeps.

Many scenarios share one pair of stand-ins: each has its own orders, e-mails and phones, and looks at these alone.
"""

import itertools
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient

from sandbox.remote import fetch_state
from sandbox.verify import differences
from schemas.records import Origin, Outcome
from schemas.topics import Topics, ensure_topics, order_key
from tests.harness.judge import CHOICE
from tests.harness.programs import QUICK, Programs, settings
from tests.harness.stand_ins import an_order, ask_sandbox
from tests.harness.topics import Entry, committed, headers_of, ledger_rows, publish, read_whole

PARTITIONS = 2
REJECTED = "refused@example.com"

_numbers = itertools.count(1)
_counting = threading.Lock()


@dataclass(slots=True)
class Scenario:
    """`number` makes orders, e-mails and phones its own; `programs` work on them, and are killed at its end."""

    apis: Mapping[str, str]
    kafka: str
    folder: Path
    over: dict[str, str] = field(default_factory=dict)  # settings of its programs
    with_topics: bool = True
    updates: bool = False
    number: int = 0
    prefix: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:12]}")
    programs: Programs = field(init=False)
    orders: list[int] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with _counting:
            self.number = self.number or next(_numbers)
        folder = self.folder / self.prefix
        folder.mkdir()
        self.programs = Programs(
            settings(self.apis, self.kafka, self.prefix) | QUICK | {"JOURNAL_PARTITIONS": str(PARTITIONS)} | self.over,
            folder,
        )
        if self.with_topics:
            ensure_topics(AdminClient({"bootstrap.servers": self.kafka}), self.topics, PARTITIONS)

    def __enter__(self) -> "Scenario":
        return self

    def __exit__(self, *ending: object) -> None:
        self.programs.__exit__(*ending)

    @property
    def topics(self) -> Topics:
        """Its own."""
        return Topics(self.prefix)

    @property
    def emails(self) -> set[str]:
        """Its buyers'."""
        return {f"buyer{self.number}.{index}@example.com" for index in range(10)}

    # ---- what the shop does

    def place(self, index: int = 0, log_types: Sequence[int] = (1,), **fields: Any) -> list[Entry]:
        """Add an order, or change it; return its new journal entries."""
        order_id = 800_000_000 + self.number * 10 + index
        order: dict[str, Any] = {"order_id": order_id}
        if order_id not in self.orders:
            now = int(time.time())
            order = an_order(
                order_id,
                date_add=now - 600 + index,
                date_confirmed=now - 590 + index,
                email=f"buyer{self.number}.{index}@example.com",
                phone=f"+48 6{self.number % 1_000_000:06d}{index:02d}",
            )
            self.orders.append(order_id)
        body = {"order": order | fields, "log_types": list(log_types)}
        ids = ask_sandbox(self.apis["BASELINKER_API_URL"], "orders", body)["log_ids"]
        if log_types:
            self.outcomes.setdefault(order_id, Outcome.DELIVERED)
        return [(log_id, kind, order_id) for log_id, kind in zip(ids, log_types, strict=True)]

    def publish(self, entries: Sequence[Entry], origin: Origin = Origin.JOURNAL) -> None:
        """Put entries into its journal topic."""
        publish(self.kafka, self.prefix, entries, origin)

    def partition_of(self, order_id: int) -> int:
        """Return the partition of an order's published entries."""
        messages = read_whole(self.kafka, self.topics.journal)
        return next(one.partition() or 0 for one in messages if one.key() == order_key(order_id))

    # ---- judging

    def problems(self) -> list[str]:
        """Return all that is not as it should be, at SALESmanago and in Kafka."""
        base, sales = self._mine()
        found = [line for line in differences(base, sales, CHOICE) if not self._refused(line)]
        updates = [write for write in sales["writes"] if write["kind"] == "update"]
        if updates and not self.updates:
            found.append(f"{len(updates)} updates of a purchase that nobody changed")
        return found + self._positions() + self._rows(sales) + self._letters()

    def snapshot(self) -> object:
        """Return what Kafka keeps: ledger rows, dead letters and committed offsets, to be compared with a later one."""
        rows = [
            (row.partition(), row.offset(), row.key(), row.value())
            for row in read_whole(self.kafka, self.topics.deliveries)
        ]
        offsets = [(one.partition, one.offset, one.metadata) for one in committed(self.kafka, self.prefix)]
        return rows, offsets, len(read_whole(self.kafka, self.topics.dead_letters))

    def _mine(self) -> tuple[dict[str, Any], dict[str, Any]]:
        base, sales = fetch_state(self.apis["BASELINKER_API_URL"]), fetch_state(self.apis["SALESMANAGO_API_URL"])
        mine = set(self.orders)
        texts = {str(order_id) for order_id in mine}
        emails = {order["email"].lower() for order in base["orders"] if order["order_id"] in mine}
        base["logs"] = [log for log in base["logs"] if log["order_id"] in mine]
        sales["contacts"] = [contact for contact in sales["contacts"] if contact["email"] in emails]
        sales["events"] = [event for event in sales["events"] if str(event.get("externalId")) in texts]
        sales["writes"] = [write for write in sales["writes"] if str(write.get("external_id")) in texts]
        return base, sales

    def _refused(self, line: str) -> bool:
        """A refused contact has no card and no purchase."""
        dead = [order_id for order_id, outcome in self.outcomes.items() if outcome is Outcome.DEAD]
        return bool(dead) and (
            line == "a contact is missing in SALESmanago"
            or any(line.startswith(f"order {order_id}: has 0 purchases, expected 1") for order_id in dead)
        )

    def _positions(self) -> list[str]:
        offsets = {one.partition: one.offset for one in committed(self.kafka, self.prefix)}
        ends = {
            message.partition() or 0: (message.offset() or 0) + 1
            for message in read_whole(self.kafka, self.topics.journal)
        }
        return [
            f"partition {number}: committed {offsets[number]}, the journal ends at {end}"
            for number, end in ends.items()
            if offsets[number] != end
        ]

    def _rows(self, sales: Mapping[str, Any]) -> list[str]:
        newest = ledger_rows(self.kafka, self.prefix)
        events = {str(event["externalId"]): event["eventId"] for event in sales["events"]}
        found = []
        for order_id, outcome in self.outcomes.items():
            row = newest.pop(order_id, None)
            if row is None or row.outcome is not outcome:
                found.append(f"order {order_id}: its row says {row and row.outcome}, expected {outcome}")
            elif outcome is Outcome.DELIVERED and row.event_id != events.get(str(order_id)):
                found.append(f"order {order_id}: its row names another purchase than SALESmanago has")
        return found + [f"order {order_id}: has a row and should have none" for order_id in newest]

    def _letters(self) -> list[str]:
        dead = [order_id for order_id, outcome in self.outcomes.items() if outcome is Outcome.DEAD]
        letters = read_whole(self.kafka, self.topics.dead_letters)
        reasons = [dict(headers_of(letter)).get("error.reason", b"").decode() for letter in letters]
        return [] if len(letters) == len(dead) else [f"{len(letters)} dead letters ({reasons}), expected {len(dead)}"]
