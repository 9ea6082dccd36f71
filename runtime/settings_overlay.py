"""What the shop saved in Kafka, over what the environment says: validated by the settings' own rules."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from runtime.settings import Settings, SettingsError, sentences
from schemas.records import ShopSettings

FIELDS: Mapping[str, str] = {
    "contact_tag": "contact_tag",
    "location": "salesmanago_location",
    "tag_order_source": "tag_order_source",
    "skip_shop_orders": "skip_shop_orders",
}  # the record's field → the setting's
NAMES: Mapping[str, str] = {setting.upper(): field for field, setting in FIELDS.items()}
LONGEST_TAGS = 1000


def validated(saved: ShopSettings) -> ShopSettings:
    """Return it in the settings' own spelling (`true` → `both`); SettingsError with a line for each wrong value."""
    values = _given(saved)
    problems: list[str] = []
    if saved.location is not None and not saved.location.strip():
        problems.append("SALESMANAGO_LOCATION: can't be empty: purchases must belong to an e-shop")
    if saved.contact_tag is not None and len(saved.contact_tag) > LONGEST_TAGS:
        problems.append(f"CONTACT_TAG: is longer than {LONGEST_TAGS} characters")
    if saved.skip_shop_orders is not None and not isinstance(saved.skip_shop_orders, bool):
        problems.append("SKIP_SHOP_ORDERS: must be true or false")
    try:
        checked = Settings(**values)
    except ValidationError as error:
        problems += sentences(error).values()
    if problems:
        raise SettingsError("\n".join(problems))
    return replace(saved, **{field: getattr(checked, FIELDS[field]) for field in FIELDS if FIELDS[field] in values})


def merged(settings: Settings, saved: ShopSettings | None, but: frozenset[str] = frozenset()) -> Settings:
    """Return the settings with what was saved over them, except for the settings named in `but`. SettingsError."""
    if saved is None:
        return settings
    values = _given(validated(saved))
    return settings.model_copy(update={name: value for name, value in values.items() if name not in but})


def _given(saved: ShopSettings) -> dict[str, Any]:
    found = {setting: getattr(saved, field) for field, setting in FIELDS.items()}
    return {
        setting: value.strip() if isinstance(value, str) else value
        for setting, value in found.items()
        if value is not None
    }
