"""Reads contacts' cards, with their events. One whose events can't be read is as good as not shown: None."""

from collections.abc import Mapping
from typing import Any

from clients.contacts import ContactCard, ExtEvent
from clients.parsing import as_id, as_map, as_millis, as_rows, as_text


def read_card(row: Mapping[str, Any]) -> ContactCard | None:
    """Read a card of the owner's contacts. Without the field for events it has none."""
    nothing = row.get("contactExtEvents") in (None, "")
    return _card(row) if nothing or _lists_events(row) else None


def read_account_card(row: Mapping[str, Any]) -> ContactCard | None:
    """Read a card of any user's contacts. It must list its events, if only as none: whether it always does is open."""
    return _card(row) if _lists_events(row) else None


def _lists_events(row: Mapping[str, Any]) -> bool:
    events = row.get("contactExtEvents")
    found = list(events.values()) if isinstance(events, Mapping) else events
    return isinstance(found, list) and all(isinstance(event, Mapping) for event in found)


def _card(row: Mapping[str, Any]) -> ContactCard:
    def first(found: Mapping[str, Any], *names: str) -> Any:
        return next((found[name] for name in names if found.get(name) not in (None, "")), None)

    events = tuple(
        ExtEvent(
            as_id(first(event, "eventId", "id", "contactExtEventId")),
            as_text(first(event, "contactExtEventType", "type", "eventType")),
            as_text(first(event, "externalId")),
            as_millis(first(event, "date")),
            event,
        )
        for event in as_rows(row.get("contactExtEvents"))
    )
    tags = tuple(
        as_text(tag.get("tag")) if isinstance(tag, Mapping) else as_text(tag)
        for tag in (as_map(row.get("contactTags") or row.get("tags"))).values()
    )
    contact_id, owner = as_id(first(row, "contactId", "id")), as_text(row.get("mainContactOwner"))
    return ContactCard(contact_id, as_text(row.get("email")), tags, events, owner)
