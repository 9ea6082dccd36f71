"""`check`: what is wrong is named together with its fix, in few requests."""

from collections import Counter

import pytest

from sandbox.remote import fetch_state
from tests.harness.commands import bl2sm
from tests.harness.stand_ins import switch


def test_check_passes_with_right_settings_and_makes_few_requests(delivered: dict[str, str]) -> None:
    before = fetch_state(delivered["BASELINKER_API_URL"])["requests"]
    ran = bl2sm(delivered, "check", "--json")
    assert ran.code == 0, ran.out
    after = fetch_state(delivered["BASELINKER_API_URL"])["requests"]
    assert sum(after.values()) - sum(before.values()) == ran.data["baselinker_requests"] <= 5
    assert {finding["state"] for finding in ran.data["findings"]} <= {"ok", "note", "warning"}
    assert next(one["text"] for one in ran.data["findings"] if one["name"] == "lag") == "0 entries wait"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"BASELINKER_TOKEN": "1-2-WRONG"}, "BaseLinker token"),
        ({"SALESMANAGO_API_SECRET": "no-such-secret"}, "SALESmanago credentials"),
        ({"SALESMANAGO_OWNER": "nobody@example.com"}, "SALESmanago owner"),
        ({"TOPIC_PREFIX": "no-such-prefix"}, "topics"),
        ({"SALESMANAGO_LOCATION": "", "BASELINKER_TOKEN": ""}, "setting BASELINKER_TOKEN"),
    ],
)
def test_check_names_what_is_wrong_and_how_to_fix_it(
    delivered: dict[str, str], wrong: dict[str, str], named: str
) -> None:
    ran = bl2sm(delivered, "check", "--json", **wrong)
    assert ran.code == 1
    failed = {one["name"]: one for one in ran.data["findings"] if one["state"] == "failed"}
    assert named in failed, failed
    assert failed[named]["mend"]
    assert not any(
        value and value in ran.out + ran.err
        for name, value in wrong.items()
        if name not in {"TOPIC_PREFIX", "SALESMANAGO_LOCATION"}
    )


def test_check_accepts_an_e_shop_that_is_no_product_catalogue_and_names_those_there_are(
    delivered: dict[str, str],
) -> None:
    switch(delivered["SALESMANAGO_API_URL"], xml_feed=True)
    try:
        ran = bl2sm(delivered, "check", "--json")
    finally:
        switch(delivered["SALESMANAGO_API_URL"], xml_feed=False)
    assert ran.code == 0, ran.out
    (shop,) = (one for one in ran.data["findings"] if one["name"] == "e-shop")
    assert shop["state"] == "note"
    assert "not one of the 2 product catalogues; that is fine if this e-shop is an XML feed" in shop["text"]
    assert "catalogue_1, catalogue_2" in shop["mend"]


def test_check_notices_a_journal_that_is_switched_off(delivered: dict[str, str]) -> None:
    switch(delivered["BASELINKER_API_URL"], journal=False)
    try:
        ran = bl2sm(delivered, "check", "--json")
    finally:
        switch(delivered["BASELINKER_API_URL"], journal=True)
    assert ran.code == 1
    assert [one["name"] for one in ran.data["findings"] if one["state"] == "failed"] == ["BaseLinker journal"]


@pytest.mark.parametrize(
    ("account_list", "state", "said"),
    [
        ("allowed", "ok", "are shown, too"),
        ("denied", "note", "refuses the account-wide list of contacts (Access denied)"),
        ("403", "note", "refuses the account-wide list of contacts (HTTP 403)"),
        ("404", "note", "has no account-wide list of contacts (HTTP 404)"),
    ],
)
def test_check_says_whether_contacts_of_other_users_are_shown_and_what_follows_if_not(
    delivered: dict[str, str], account_list: str, state: str, said: str
) -> None:
    url = delivered["SALESMANAGO_API_URL"]
    before = fetch_state(url)
    switch(url, account_list=account_list)
    try:
        ran = bl2sm(delivered, "check", "--json")
    finally:
        switch(url, account_list="allowed")
    assert ran.code == 0, ran.out
    (found,) = (one for one in ran.data["findings"] if one["name"] == "SALESmanago contacts")
    assert (found["state"], said in found["text"]) == (state, True), found
    assert bool(found["mend"]) is (state == "note")
    after = fetch_state(url)
    asked = Counter(after["requests"]) - Counter(before["requests"])
    assert sum(count for call, count in asked.items() if "contact/list" in call) == 1
    assert after["writes"] == before["writes"]


def test_check_draws_no_conclusion_from_a_failure_of_the_account_wide_list(delivered: dict[str, str]) -> None:
    url = delivered["SALESMANAGO_API_URL"]
    switch(url, faults=[{"kind": "500", "where": "listAll"}])
    try:
        ran = bl2sm(delivered, "check", "--json")
    finally:
        switch(url, faults=[])
    (found,) = (one for one in ran.data["findings"] if one["name"] == "SALESmanago contacts")
    assert found["state"] == "warning"


def test_check_counts_the_last_orders_that_are_in_another_currency(delivered: dict[str, str]) -> None:
    def said(**more: str) -> dict[str, str]:
        ran = bl2sm(delivered, "check", "--json", **more)
        assert ran.code == 0, ran.out
        return {one["name"]: f"{one['state']}: {one['text']}" for one in ran.data["findings"]}

    orders = [one for one in fetch_state(delivered["BASELINKER_API_URL"])["orders"] if one["confirmed"]]
    kept = [one["currency"] for one in orders if one["order_source"] != "order_return"]
    total, german = len(kept), kept.count("EUR")
    assert german
    unset = said()
    assert unset["orders' currencies"] == (
        f"warning: of the last {total} orders {total - german} in PLN, {german} in EUR, and the product catalogue is in"
        " PLN: nothing is converted, 50 EUR count as 50 PLN"
    )
    assert "currency" not in unset
    rated = said(SHOP_CURRENCY="PLN", EXCHANGE_RATES="EUR:4.27")
    assert rated["orders' currencies"] == (
        f"note: {german} of the last {total} orders are not in PLN ({german} in EUR: converted at 4.27)"
    )
    assert rated["currency"] == "ok: SHOP_CURRENCY is PLN, as in the product catalogue"
