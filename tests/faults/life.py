"""A shop that keeps selling while the programs are hurt: new orders, edits, entries that show up late."""

import random
import threading
import time
from collections import Counter
from typing import Any

from sandbox.remote import fetch_state
from tests.harness.stand_ins import ask_sandbox

TURN_SECONDS = 0.5
MOST_CLONES = 3  # of the Allegro orders under one phone


class Life(threading.Thread):
    """Edits and adds orders of a `--versions` shop until `end`; every edit counts the buyer's name up."""

    def __init__(self, url: str, chance: random.Random, orders_a_second: float, edits_a_second: float) -> None:
        super().__init__(daemon=True)
        self._url, self._chance = url, chance
        self._orders_a_second, self._edits_a_second = orders_a_second, edits_a_second
        found = fetch_state(url)["orders"]
        self._orders: dict[int, dict[str, Any]] = {int(order["order_id"]): order for order in found}
        self._templates = list(found)
        self._next_id = max(self._orders) + 1
        self._count = 0
        self._over = threading.Event()
        self._rush = 0
        self._clones: Counter[str] = Counter()
        self.made = self.edited = 0
        self.error: BaseException | None = None

    def run(self) -> None:
        """Live."""
        try:
            while not self._over.wait(TURN_SECONDS):
                rush, self._rush = self._rush, 0
                edits = [self._new() for _ in range(self._drawn(self._orders_a_second) + rush)]
                edits += [self._edit() for _ in range(self._drawn(self._edits_a_second))]
                if edits:
                    ask_sandbox(self._url, "orders", edits)
        except BaseException as error:
            self.error = error

    def rush(self, orders: int) -> None:
        """Add so many orders at once, at the next turn."""
        self._rush = orders

    def end(self) -> None:
        """Stop living, and wait for the last late entry to show."""
        self._over.set()
        self.join(30)
        assert self.error is None, repr(self.error)
        time.sleep(3.0)

    def _drawn(self, a_second: float) -> int:
        whole, rest = divmod(a_second * TURN_SECONDS, 1)
        return int(whole) + (self._chance.random() < rest)

    def _new(self) -> dict[str, Any]:
        chance, now = self._chance, int(time.time())
        like = chance.choice(self._templates)
        if like["order_source"] == "allegro":
            # only a phone's newest ten orders are looked at: don't push the buyer's out
            phone = "".join(letter for letter in like["phone"] if letter.isdigit())[-9:]
            self._clones[phone] += 1
            if self._clones[phone] > MOST_CLONES:
                like = chance.choice([order for order in self._templates if order["order_source"] != "allegro"])
        order_id, self._next_id = self._next_id, self._next_id + 1
        order = {**like, "order_id": order_id, "date_add": now, "delivery_fullname": f"Nowy Kupujący {order_id} v0"}
        order["date_confirmed"] = now if order["confirmed"] else 0
        if order["order_source"] != "allegro":
            order["phone"] = f"+48 5{chance.randint(10_000_000, 99_999_999)}"
            order["email"] = self._mail() if order["email"] else ""
        self._orders[order_id] = order
        self.made += 1
        return {"order": order, "log_types": chance.choice([[1], [1], [1, 2]]), "late": self._late()}

    def _edit(self) -> dict[str, Any]:
        chance = self._chance
        recent = list(self._orders)[-200:]
        order = self._orders[chance.choice(recent if chance.random() < 0.5 else list(self._orders))]
        name, _, version = order["delivery_fullname"].rpartition(" v")
        order["delivery_fullname"] = f"{name} v{int(version) + 1}"
        changed = {"order_id": order["order_id"], "delivery_fullname": order["delivery_fullname"]}
        if order["order_source"] not in {"allegro", "order_return"} and chance.random() < 0.5:
            changed["email"] = order["email"] = self._mail()
        self.edited += 1
        types = chance.choice([[11], [16], [16], [11, 16], [2]] if order["confirmed"] else [[11], [16]])
        return {"order": changed, "log_types": types, "late": self._late()}

    def _mail(self) -> str:
        self._count += 1
        return f"zmiana{self._count}@example.{self._chance.choice(['com', 'org', 'pl'])}"

    def _late(self) -> float:
        return self._chance.uniform(0.5, 2.5) if self._chance.random() < 0.1 else 0.0
