"""Orders in another currency on a real Kafka: what arrives under rates, without them, and after they change."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from operations.kafka_reads import KafkaReads
from operations.status_read import read_status
from runtime.settings import load_settings
from sandbox.expected import Choice
from sandbox.remote import fetch_state
from tests.harness.commands import bl2sm, catch_up
from tests.harness.judge import CHOICE, wrong
from tests.harness.programs import Programs, settings
from tests.harness.stand_ins import an_order, ask_sandbox, purchases, sandbox, writes
from tests.harness.topics import ledger_rows
from tests.harness.waiting import LONG, wait_until

GERMAN, CZECH, POLISH, NONE = range(990_000_001, 990_000_005)
RATES = {"EUR": Decimal("4.27"), "CZK": Decimal("0.1735")}


def sell(apis: dict[str, str]) -> None:
    """An order of 50 in each of three currencies, and one that names none."""
    line = {**an_order(1)["products"][0], "price_brutto": 50, "quantity": 1}
    for number, currency in ((GERMAN, "EUR"), (CZECH, "CZK"), (POLISH, "PLN"), (NONE, "")):
        order = an_order(number, currency=currency, products=[line], delivery_price=0, email=f"k{number}@example.com")
        ask_sandbox(apis["BASELINKER_API_URL"], "orders", {"order": order, "log_types": [1]})


def edit(apis: dict[str, str], order_id: int) -> None:
    """Its data are edited in BaseLinker."""
    ask_sandbox(apis["BASELINKER_API_URL"], "orders", {"order": {"order_id": order_id}, "log_types": [11, 16]})


def values(apis: dict[str, str]) -> dict[int, Any]:
    """The value of each purchase of ours."""
    events = fetch_state(apis["SALESMANAGO_API_URL"])["events"]
    return {int(one["externalId"]): one["value"] for one in events if int(one["externalId"]) >= GERMAN}


@pytest.mark.parametrize(
    ("given", "choice", "arrived"),
    [
        ({}, {}, {GERMAN: 50.0, CZECH: 50.0, POLISH: 50.0, NONE: 50.0}),
        (
            {"SHOP_CURRENCY": "pln", "EXCHANGE_RATES": "eur:4.27"},
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
        catch_up(settings(apis, kafka, prefix) | given)
        assert values(apis) == arrived
        rows = ledger_rows(kafka, prefix)
        skipped = {number: rows[number] for number in (GERMAN, CZECH, POLISH, NONE) if number not in arrived}
        assert {(row.reason, row.purchase_due) for row in skipped.values()} <= {("foreign_currency", True)}
        assert wrong(apis, Choice(CHOICE.location, CHOICE.contact_tag, CHOICE.tag_order_source, **choice)) == []


def test_new_rates_send_nothing_by_themselves_and_everything_that_is_asked_for_once(kafka: str, prefix: str) -> None:
    with sandbox("--orders", "6") as apis:
        sell(apis)
        environment = settings(apis, kafka, prefix) | {"SHOP_CURRENCY": "PLN", "FOREIGN_CURRENCY": "skip"}
        catch_up(environment)
        assert values(apis) == {POLISH: 50.0, NONE: 50.0}

        environment["EXCHANGE_RATES"] = "EUR:4.27,CZK:0.1735"
        catch_up(environment)
        assert values(apis) == {POLISH: 50.0, NONE: 50.0}, "a rate alone sends nothing"
        edit(apis, CZECH)
        assert bl2sm(environment, "replay", "--order", str(GERMAN), "--execute").code == 0
        catch_up(environment)
        assert values(apis) == {GERMAN: 213.5, CZECH: 8.68, POLISH: 50.0, NONE: 50.0}

        before = writes(apis)
        environment["EXCHANGE_RATES"] = "EUR:4.31,CZK:0.1735"
        assert bl2sm(environment, "backfill", "--since", "2d", "--execute").code == 0
        edit(apis, GERMAN)
        catch_up(environment)
        assert {one["kind"] for one in writes(apis)[len(before) :]} <= {"contact"}
        assert values(apis)[GERMAN] == 213.5
        assert bl2sm(environment, "audit", "--since", "30d").code == 0, "it is as it was sent"
        assert bl2sm(environment, "replay", "--order", str(GERMAN), "--execute").code == 0
        catch_up(environment, "processor")
        assert values(apis)[GERMAN] == 215.5
        assert set(purchases(apis).values()) == {1}


def test_the_processors_count_their_last_purchases_by_currency_and_status_adds_them_up(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with sandbox("--orders", "2") as apis:
        sell(apis)
        environment = settings(apis, kafka, prefix) | {"SHOP_CURRENCY": "PLN", "EXCHANGE_RATES": "EUR:4.27"}
        with Programs(environment, tmp_path) as programs:
            programs.catch_up("producer")
            processor = programs.serve("processor")
            wait_until(lambda: len(values(apis)) == 4, LONG, "they arrive", processor)
            with KafkaReads(
                load_settings({"KAFKA_BOOTSTRAP_SERVERS": kafka, "TOPIC_PREFIX": prefix}, None, "kafka")
            ) as reads:
                found = {(one.currency, one.treatment): one.purchases for one in read_status(reads).currencies}
        assert (found["EUR", "converted"], found["CZK", "unconverted"], found["none", "own"]) == (1, 1, 1)
