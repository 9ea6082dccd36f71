"""A plausible Polish shop, made from a seed: own store, two Allegro accounts, Amazon, phone sales, returns.

Everybody in it is invented; e-mails end in example.com, .org, .pl or in a marketplace's mask.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FIRST = "Łucja Żaneta Świętosław Zofia Grażyna Paweł Józef Ola Marek Kinga Błażej Jürgen Šárka Hans Petr".split()  # noqa: SIM905
LAST = "Gżegżółka Źrebiec Kowalski Wiśniewska Ćwik Ślusarz Pączek Wójcik Müller Dvořák Nowak Łęcka Żuraw".split()  # noqa: SIM905
CITIES = [("Łódź", "90-001"), ("Kraków", "30-002"), ("Gdańsk", "80-003"), ("Żory", "44-240"), ("Ełk", "19-300")]
GOODS = ["Kubek żółty", "Świeca sojowa", "Ściereczka", "Dzbanek 1,5 l", "Łyżeczka", "Koc wełniany", "Talerz 'Wrzos'"]
SOURCES: dict[str, Any] = {
    "personal": {"0": "Telefon"},
    "shop": {"2001": "sklep.example.pl"},
    "allegro": {"3001": "Konto1", "3002": "Konto Żółte"},
    "amazon": {"4001": "Amazon DE"},
    "order_return": ["Zwroty"],
}
PURCHASE, CONFIRMED, DELIVERY_EDIT, DATA_EDIT, MERGED = 1, 2, 11, 16, 5


@dataclass(slots=True)
class Shop:
    """Orders as getOrders tells them (2023 types) and the journal's entries, ascending by log id."""

    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    logs: list[dict[str, Any]] = field(default_factory=list)
    sources: dict[str, Any] = field(default_factory=lambda: dict(SOURCES))
    next_log_id: int = 456_000

    def log(self, log_type: int, order_id: int, at: int, object_id: int = 0) -> int:
        """Append a journal entry; return its id."""
        self.next_log_id += 1 + self.next_log_id % 3
        self.logs.append(
            {"log_id": self.next_log_id, "order_id": order_id, "log_type": log_type, "object_id": object_id, "date": at}
        )
        return self.next_log_id


def make_shop(
    count: int,
    seed: int,
    now: int,
    sparse: bool = False,
    step: Callable[[], int] | None = None,
    versions: bool = False,
    relays: int = 0,
) -> Shop:
    """Make a shop whose last orders came a moment before `now` (unix seconds).

    With `versions` each buyer's name ends in the order's id and version, `747000012 v0`: an edit that counts it up
    makes every state of an order tell-tale where it was sent to. `relays` orders come on top, see `_relay`.
    """
    chance = random.Random(seed)
    shop = Shop()
    order_id = 747_000_000 if not sparse else 2_147_483_000
    at = now - 2 * 24 * 3600
    phones: list[tuple[str, str]] = []
    for index in range(count):
        order_id += chance.randint(500, 9000) if sparse else 1
        passed = chance.randint(20, 120)
        at = min(at + (passed if count <= 2000 else max(1, passed * 2000 // count)), now - 60)
        _place(shop, chance, order_id, at, index, phones)
    for index in range(relays):
        order_id += 1
        _relay(shop, chance, order_id, min(at + 1 + index, now), index)
    shop.logs.sort(key=lambda log: log["log_id"])
    if versions:
        for order in shop.orders.values():
            order["delivery_fullname"] = f"{order['delivery_fullname']} {order['order_id']} v0"
    return shop


def _place(
    shop: Shop, chance: random.Random, order_id: int, at: int, index: int, phones: list[tuple[str, str]]
) -> None:
    kind = chance.choices(
        ["shop", "allegro_known", "allegro_new", "amazon", "personal", "return", "no_email"], [40, 12, 14, 8, 10, 3, 4]
    )[0]
    first, last = chance.choice(FIRST), chance.choice(LAST)
    mail = f"kupujacy{index}@example.{chance.choice(['com', 'org', 'pl'])}"
    phone = f"+48 6{chance.randint(10_000_000, 99_999_999)}"
    if kind == "shop" and phones and chance.random() < 0.2:  # somebody buys again
        phone, mail = chance.choice(phones)
        mail = mail.upper() if chance.random() < 0.3 else mail
    order = _order(chance, order_id, at, f"{first} {last}", mail, phone)
    if kind in {"shop", "no_email"}:
        order |= {"order_source": "shop", "order_source_id": 2001, "shop_order_id": 9000 + index}
        order["products"] = [{**line, "storage": "shop", "storage_id": 2001} for line in order["products"]]
        if kind == "no_email":
            order["email"] = ""
        elif chance.random() < 0.8:
            phones.append((phone, mail))
    elif kind.startswith("allegro"):
        order |= {
            "order_source": "allegro",
            "order_source_id": chance.choice([3001, 3002]),
            "email": f"{chance.randbytes(5).hex()}+{chance.randbytes(4).hex()}@allegromail.pl",
            "external_order_id": f"{chance.randbytes(4).hex()}-{chance.randbytes(2).hex()}",
        }
        if kind == "allegro_known" and phones:
            order["phone"] = phones[chance.randrange(len(phones))][0].replace(" ", chance.choice(["", " ", "-"]))
        elif chance.random() < 0.3:
            order["phone"] = chance.choice(["000000000", "123456789", "+48 111111111", ""])
    elif kind == "amazon":
        order |= {"order_source": "amazon", "order_source_id": 4001, "currency": "EUR"}
        order |= {"delivery_country_code": "DE", "delivery_country": "Niemcy", "phone": f"030 {index:07d}"}
    elif kind == "return":
        order |= {"order_source": "order_return", "order_source_id": 0}
    else:
        order |= {"order_source": "personal", "order_source_id": 0}
    _history(shop, chance, order, at)


def _relay(shop: Shop, chance: random.Random, order_id: int, at: int, index: int) -> None:
    """Every other one under the phone of an earlier order; every fourth is Allegro's, of whom only a relay is known."""
    sources = {"amazon": "marketplace.amazon.de", "empik": "notification.mirakl.net", "allegro": "allegromail.pl"}
    known, source = index % 2 == 0, ("amazon", "empik", "empik", "allegro")[index % 4]
    shop.sources.setdefault("empik", {"5001": "Empik"})
    mail = f"{chance.randbytes(7).hex()}@{sources[source]}"
    order = _order(
        chance, order_id, at, f"{chance.choice(FIRST)} {chance.choice(LAST)}", mail, f"+48 7{order_id % 10**8}"
    )
    buyers = [
        one for one in shop.orders.values() if one["order_source"] == "shop" and one["confirmed"] and one["email"]
    ]
    if known and buyers:
        order["phone"] = chance.choice(buyers)["phone"]
    elif source == "allegro":
        order["phone"] = shop.orders[order_id - 2]["phone"]
    order |= {"order_source": source, "order_source_id": int(next(iter(shop.sources[source])))}
    shop.orders[order_id] = order
    shop.log(PURCHASE, order_id, at)


def _history(shop: Shop, chance: random.Random, order: dict[str, Any], at: int) -> None:
    order_id = order["order_id"]
    shop.orders[order_id] = order
    shop.log(PURCHASE, order_id, at)
    if chance.random() < 0.05:  # never confirmed
        order |= {"confirmed": False, "date_confirmed": 0}
    elif chance.random() < 0.3:
        shop.log(CONFIRMED, order_id, at + 5)
    for log_type in (DELIVERY_EDIT, DATA_EDIT):
        if chance.random() < 0.12:
            shop.log(log_type, order_id, at + 10)
    if chance.random() < 0.03:
        shop.log(MERGED, order_id, at + 12, order_id - 1)


def _order(chance: random.Random, order_id: int, at: int, name: str, mail: str, phone: str) -> dict[str, Any]:
    city, postcode = chance.choice(CITIES)
    lines = [
        {
            "storage": "db", "storage_id": 1, "order_product_id": order_id * 10 + line,
            "product_id": chance.choice(["", "0", str(5000 + chance.randrange(400))] + [str(6000 + line)] * 5),
            "variant_id": chance.choice(["0", str(70 + line)]), "name": chance.choice(GOODS),
            "sku": f"SKU-{chance.randrange(400)}", "ean": f"590{chance.randrange(10**9):010d}", "location": "",
            "attributes": "", "price_brutto": chance.choice([9.99, 19, 149.9, 0.1, 33.335]), "tax_rate": 23,
            "quantity": chance.randint(1, 4), "weight": 0.5, "bundle_id": 0, "auction_id": "0",
        }
        for line in range(chance.choice([1, 1, 1, 2, 3, 90 if chance.random() < 0.03 else 2]))
    ]  # fmt: skip
    return {
        "order_id": order_id, "shop_order_id": 0, "external_order_id": "", "order_source": "personal",
        "order_source_id": 0, "order_source_info": "-", "order_status_id": 1, "confirmed": True, "date_add": at,
        "date_confirmed": at + 4, "date_in_status": at, "user_login": "", "currency": "PLN",
        "payment_method": chance.choice(["Przelewy24", "Płatność przy odbiorze", "BLIK"]), "payment_method_cod": "0",
        "payment_done": 50, "user_comments": "", "admin_comments": "", "email": mail, "phone": phone,
        "delivery_method": chance.choice(["Paczkomat InPost", "Kurier", "Odbiór osobisty"]),
        "delivery_price": chance.choice([0, 9.99, 14.5]), "delivery_fullname": name, "delivery_company": "",
        "delivery_address": "ul. Źródlana 3/4", "delivery_postcode": postcode, "delivery_city": city,
        "delivery_state": "", "delivery_country": "Polska", "delivery_country_code": "PL", "invoice_fullname": "",
        "invoice_company": "", "invoice_nip": "", "invoice_address": "", "invoice_postcode": "", "invoice_city": "",
        "invoice_country": "", "invoice_country_code": "", "want_invoice": "0", "extra_field_1": "",
        "extra_field_2": "", "order_page": "", "pick_state": 0, "pack_state": 0, "products": lines,
    }  # fmt: skip
