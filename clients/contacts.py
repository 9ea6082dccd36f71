"""What is written to SALESmanago and read back. A repr shows nothing personal; empty fields are not sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """A contact to upsert; country = two letters, phone = E.164."""

    email: str
    name: str = ""
    phone: str = ""
    company: str = ""
    street: str = ""
    zip_code: str = ""
    city: str = ""
    country: str = ""
    tags: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "Contact(…)"

    def to_json(self) -> dict[str, Any]:
        """Return `contact` and `tags` as upsert takes them, without empty fields: nothing is blanked."""
        address = {
            "streetAddress": self.street,
            "zipCode": self.zip_code,
            "city": self.city,
            "country": self.country,
        }
        contact: dict[str, Any] = {
            "email": self.email,
            "name": self.name,
            "phone": self.phone,
            "company": self.company,
            "address": {name: value for name, value in address.items() if value},
        }
        body: dict[str, Any] = {"contact": {name: value for name, value in contact.items() if value}}
        if self.tags:
            body["tags"] = list(self.tags)
        return body


@dataclass(frozen=True, slots=True, repr=False)
class PurchaseEvent:
    """A PURCHASE; `details[0]` is detail1; `value` has two decimals in the e-shop's currency."""

    external_id: str
    date: datetime
    location: str
    value: Decimal
    products: str = ""
    description: str = ""
    details: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"PurchaseEvent(external_id={self.external_id})"

    def to_json(self) -> dict[str, Any]:
        """Return `contactEvent`."""
        texts = {
            "products": self.products,
            "description": self.description,
            **{f"detail{index}": text for index, text in enumerate(self.details, 1)},
        }
        return {
            "date": round(self.date.timestamp() * 1000),
            "contactExtEventType": "PURCHASE",
            "externalId": self.external_id,
            "location": self.location,
            "value": float(self.value),
            **{name: text for name, text in texts.items() if text},
        }


@dataclass(frozen=True, slots=True)
class ExtEvent:
    """An event of a card; type "" = the card did not say. `shown` is all it says, as it came."""

    event_id: str
    type: str
    external_id: str
    date: datetime | None
    shown: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, repr=False)
class ContactCard:
    """A contact as SALESmanago shows it; `main_owner` = e-mail of a user of the account, "" = the card does not say."""

    contact_id: str
    email: str
    tags: tuple[str, ...]
    events: tuple[ExtEvent, ...]
    main_owner: str = ""

    def __repr__(self) -> str:
        return f"ContactCard(contact_id={self.contact_id}, events={len(self.events)})"


@dataclass(frozen=True, slots=True)
class Catalog:
    """A product catalogue: `location` is what an event must name."""

    catalog_id: str
    name: str
    location: str
    currency: str
    is_default: bool
