"""What each rival does with one order: the requests' contents, and the reading of the answers."""

import hashlib
import io
import json
import os
import time
from pathlib import Path
from typing import Any

import fastavro

_SCHEMA = fastavro.parse_schema(json.loads(Path("schemas/journal_entry.avsc").read_text()))
_HEADER = 10  # Avro single object: marker and fingerprint
BASELINKER, SALESMANAGO = os.environ["BASELINKER_API_URL"], os.environ["SALESMANAGO_API_URL"]
HEADERS = {"X-BLToken": os.environ["BASELINKER_TOKEN"]}
KAFKA, PREFIX = os.environ["KAFKA_BOOTSTRAP_SERVERS"], os.environ["TOPIC_PREFIX"]
_CLIENT, _SECRET = os.environ["SALESMANAGO_CLIENT_ID"], os.environ["SALESMANAGO_API_SECRET"]
_OWNER, _LOCATION = os.environ["SALESMANAGO_OWNER"], os.environ["SALESMANAGO_LOCATION"]
_SHA = hashlib.sha1(f"key{_CLIENT}{_SECRET}".encode(), usedforsecurity=False).hexdigest()


def order_id_of(value: bytes) -> int:
    """Read a journal entry."""
    body = io.BytesIO(value)
    body.seek(_HEADER)
    entry: Any = fastavro.schemaless_reader(body, _SCHEMA, None)
    return int(entry["order_id"])


def question(order_id: int) -> dict[str, str]:
    """The form of getOrders."""
    return {"method": "getOrders", "parameters": json.dumps({"order_id": order_id})}


def contact(answer: Any) -> dict[str, Any]:
    """The contact of the order that was answered."""
    order = answer["orders"][0]
    card = {"email": order["email"], "name": order["delivery_fullname"], "phone": order["phone"]}
    flags = dict.fromkeys(("forceOptIn", "forceOptOut", "forcePhoneOptIn", "forcePhoneOptOut"), False)
    return {**_auth(), "async": False, "contact": card, "tags": ["Klient"], **flags}


def purchase(answer: Any, contact_id: str) -> dict[str, Any]:
    """The PURCHASE event of the order that was answered."""
    order = answer["orders"][0]
    lines = order["products"]
    event = {
        "date": order["date_confirmed"] * 1000,
        "contactExtEventType": "PURCHASE",
        "externalId": str(order["order_id"]),
        "location": _LOCATION,
        "value": sum(line["price_brutto"] * line["quantity"] for line in lines) + order["delivery_price"],
        "products": ",".join(line["product_id"] for line in lines)[:512],
        "description": order["payment_method"],
        "detail1": ",".join(line["name"] for line in lines)[:255],
    }
    return {**_auth(), "contactId": contact_id, "forceOptIn": False, "contactEvent": event}


def _auth() -> dict[str, Any]:
    now = round(time.time() * 1000)
    return {"clientId": _CLIENT, "apiKey": "key", "sha": _SHA, "requestTime": now, "owner": _OWNER}
