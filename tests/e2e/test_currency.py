"""Orders in another currency on a real Kafka: what arrives under rates, without them, and after they change."""

from decimal import Decimal
from typing import Any

import pytest

from sandbox.expected import Choice
from sandbox.remote import fetch_state
from tests.harness.commands import bl2sm, catch_up
from tests.harness.judge import CHOICE, wrong
from tests.harness.programs import settings
from tests.harness.stand_ins import an_order, ask_sandbox, purchases, sandbox, writes
from tests.harness.topics import ledger_rows

GERMAN, CZECH, POLISH, NONE = range(990_000_001, 990_000_005)
RATES = {"EUR": Decimal("4.27"), "CZK": Decimal("0.1735")}


def sell(apis: dict[str, str]) -> None:
    """An order of 50 in each of three currencies, and one that names none."""
    line = {**an_order(1)["products"][0], "price_brutto": 50, "quantity": 1}
    for number, currency in ((GERMAN, "EUR"), (CZECH, "CZK"), (POLISH, "PLN"), (NONE, "")):
        order = an_order(number, currency=currency, products=[line], delivery_price=0, email=f"k{number}@example.com")
        ask_sandbox(apis["BASELINKER_API_URL"], "orders", {"order": order, "log_types": [1]})


def values(apis: dict[str, str]) -> dict[int, Any]:
    """The value of each purchase of ours."""
    events = fetch_state(apis["SALESMANAGO_API_URL"])["events"]
    return {int(one["externalId"]): one["value"] for one in events if int(one["externalId"]) >= GERMAN}


@pytest.mark.parametrize(
    ("given", "choice", "arrived"),
    [
        ({}, {}, {GERMAN: 50.0, CZECH: 50.0, POLISH: 50.0, NONE: 50.0}),
        ({"SHOP_CURRENCY": "PLN"}, {"shop_currency": "PLN"}, {GERMAN: 50.0, CZECH: 50.0, POLISH: 50.0, NONE: 50.0}),
        (
            {"SHOP_CURRENCY": "pln", "EXCHANGE_RATES": "EUR:4.27,CZK:0.1735", "FOREIGN_CURRENCY": "skip"},
            {"shop_currency": "PLN", "exchange_rates": RATES, "foreign_currency": "skip"},
            {GERMAN: 213.5, CZECH: 8.68, POLISH: 50.0, NONE: 50.0},
        ),
        (
            {"SHOP_CURRENCY": "PLN", "EXCHANGE_RATES": "EUR:4.27"},
            {"shop_currency": "PLN", "exchange_rates": {"EUR": RATES["EUR"]}},
            {GERMAN: 213.5, CZECH: 50.0, POLISH: 50.0, NONE: 50.0},
        ),
        (
            {"SHOP_CURRENCY": "PLN", "EXCHANGE_RATES": "CZK:0.1735", "FOREIGN_CURRENCY": "skip"},
            {"shop_currency": "PLN", "exchange_rates": {"CZK": RATES["CZK"]}, "foreign_currency": "skip"},
            {CZECH: 8.68, POLISH: 50.0, NONE: 50.0},
        ),
    ],
)
def test_foreign_orders_arrive_as_the_rates_and_the_choice_say(
    kafka: str, prefix: str, given: dict[str, str], choice: dict[str, Any], arrived: dict[int, float]
) -> None:
    with sandbox("--orders", "30") as apis:
        sell(apis)
        environment = settings(apis, kafka, prefix) | given
        catch_up(environment)
        assert values(apis) == arrived
        rows = ledger_rows(kafka, prefix)
        skipped = {number: rows[number] for number in (GERMAN, CZECH, POLISH, NONE) if number not in arrived}
        assert {(row.reason, row.purchase_due) for row in skipped.values()} <= {("foreign_currency", True)}
        assert wrong(apis, Choice(CHOICE.location, CHOICE.contact_tag, CHOICE.tag_order_source, **choice)) == []
        assert bl2sm(environment, "audit", "--since", "30d").code == 0


@pytest.mark.parametrize("asked", ["replay", "backfill", "an edit"])
def test_a_skipped_foreign_order_is_sent_once_after_a_rate_was_added(kafka: str, prefix: str, asked: str) -> None:
    with sandbox("--orders", "6") as apis:
        sell(apis)
        environment = settings(apis, kafka, prefix) | {"SHOP_CURRENCY": "PLN", "FOREIGN_CURRENCY": "skip"}
        catch_up(environment)
        assert values(apis) == {POLISH: 50.0, NONE: 50.0}
        environment |= {"EXCHANGE_RATES": "EUR:4.27"}
        catch_up(environment)
        assert GERMAN not in values(apis), "a rate alone sends nothing"
        commands = {"replay": ("replay", "--order", str(GERMAN)), "backfill": ("backfill", "--since", "1d")}
        for _ in range(2):
            if asked in commands:
                assert bl2sm(environment, *commands[asked], "--execute").code == 0
            else:
                edit = {"order": {"order_id": GERMAN}, "log_types": [16]}
                ask_sandbox(apis["BASELINKER_API_URL"], "orders", edit)
            catch_up(environment)
        assert values(apis) == {GERMAN: 213.5, POLISH: 50.0, NONE: 50.0}
        assert set(purchases(apis).values()) == {1}


def test_a_changed_rate_leaves_purchases_as_they_are_until_they_are_replayed(kafka: str, prefix: str) -> None:
    with sandbox("--orders", "6") as apis:
        sell(apis)
        environment = settings(apis, kafka, prefix) | {"SHOP_CURRENCY": "PLN", "EXCHANGE_RATES": "EUR:4.27"}
        catch_up(environment)
        before = writes(apis)
        environment |= {"EXCHANGE_RATES": "EUR:4.31"}
        assert bl2sm(environment, "backfill", "--since", "30d", "--execute").code == 0
        catch_up(environment)
        assert writes(apis) == before
        ask_sandbox(apis["BASELINKER_API_URL"], "orders", {"order": {"order_id": GERMAN}, "log_types": [11, 16]})
        catch_up(environment)
        assert values(apis)[GERMAN] == 213.5
        assert bl2sm(environment, "audit", "--since", "30d").code == 0, "it is as it was sent"
        assert bl2sm(environment, "replay", "--order", str(GERMAN), "--execute").code == 0
        catch_up(environment)
        assert values(apis)[GERMAN] == 215.5
        assert purchases(apis)[str(GERMAN)] == 1


def test_a_dry_run_and_explain_show_what_arrives(kafka: str, prefix: str) -> None:
    with sandbox("--orders", "6") as apis:
        sell(apis)
        environment = settings(apis, kafka, prefix) | {"SHOP_CURRENCY": "PLN", "EXCHANGE_RATES": "EUR:4.27"}
        catch_up(environment)
        told = bl2sm(environment, "explain", str(GERMAN), "--json").data["now"]
        assert told["money"] == {
            "value": "50.00", "currency": "EUR", "treatment": "converted", "rate": "4.27", "sent": "213.50",
            "shop_currency": "PLN",
        }  # fmt: skip
        assert told["payload"]["contactEvent"]["value"] == values(apis)[GERMAN]
        assert told["payload"]["contactEvent"]["detail9"] == "EUR"
        ran = bl2sm(environment, "process", "--dry-run", FOREIGN_CURRENCY="skip")
        lines = {line.split()[0]: line for line in ran.out.splitlines() if line[:1] == "9"}
        assert "213.50" in lines[str(GERMAN)]
        assert "foreign_currency" in lines[str(CZECH)]
