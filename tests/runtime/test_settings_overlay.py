"""Saved values over the environment's: what holds, in which spelling, and what is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from runtime.settings import Settings, SettingsError, load_settings
from runtime.settings_overlay import FIELDS, NAMES, merged, validated
from schemas.records import ShopSettings

AT = datetime(2026, 11, 25, tzinfo=UTC)


def environment(**variables: str) -> Settings:
    return load_settings({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", **variables}, None, "kafka")


def saved(**values: Any) -> ShopSettings:
    empty: dict[str, Any] = dict.fromkeys(FIELDS)
    return ShopSettings(**{**empty, **values}, changed_by="ala", changed_at=AT)


def chosen(settings: Settings) -> tuple[Any, ...]:
    return tuple(getattr(settings, name) for name in FIELDS.values())


def test_what_was_saved_holds_over_the_environment_and_the_rest_stays() -> None:
    given = environment(CONTACT_TAG="Env", SALESMANAGO_LOCATION="env", TAG_ORDER_SOURCE="code")
    assert merged(given, None) is given
    assert chosen(merged(given, saved())) == ("Env", "env", "code", False)
    assert chosen(merged(given, saved(skip_shop_orders=True, location="shop2"))) == ("Env", "shop2", "code", True)
    assert chosen(given) == ("Env", "env", "code", False)


def test_an_empty_tag_and_a_false_are_values_too() -> None:
    given = environment(CONTACT_TAG="Env", SKIP_SHOP_ORDERS="true", TAG_ORDER_SOURCE="both")
    assert chosen(merged(given, saved(contact_tag="", skip_shop_orders=False, tag_order_source="none"))) == (
        "", "", "none", False,
    )  # fmt: skip


def test_settings_that_are_tried_keep_the_environments_value() -> None:
    given = environment(CONTACT_TAG="Env")
    held = merged(given, saved(contact_tag="Saved", skip_shop_orders=True), but=frozenset({"contact_tag"}))
    assert chosen(held) == ("Env", "", "none", True)


def test_values_are_saved_in_the_settings_own_spelling() -> None:
    assert validated(saved(tag_order_source="true", contact_tag=" VIP, Shop ")) == saved(
        tag_order_source="both", contact_tag="VIP, Shop"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"location": ""},
        {"location": " "},
        {"location": "a b"},
        {"location": "x" * 37},
        {"tag_order_source": "frogs"},
        {"contact_tag": "x" * 5000},
        {"skip_shop_orders": "perhaps"},
    ],
)
def test_a_wrong_value_is_refused_by_the_settings_own_rules_and_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as refused:
        validated(saved(**wrong))
    (name,) = wrong
    assert str(refused.value).startswith(f"{FIELDS[name].upper()}: ")
    with pytest.raises(SettingsError):
        merged(environment(), saved(**wrong))


def test_every_wrong_value_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as refused:
        validated(saved(location="a b", tag_order_source="frogs"))
    assert len(str(refused.value).splitlines()) == 2


def test_the_names_are_the_environments() -> None:
    assert set(NAMES) == {"CONTACT_TAG", "SALESMANAGO_LOCATION", "TAG_ORDER_SOURCE", "SKIP_SHOP_ORDERS"}
