"""Orders with marketplaces' relay addresses, through all the programs: who gets the purchase, and who must not."""

from pathlib import Path

from sandbox.expected import expect
from sandbox.remote import edit_order, fetch_state
from schemas.records import Outcome
from tests.harness.judge import CHOICE, wrong
from tests.harness.programs import QUICK, Programs, settings
from tests.harness.stand_ins import an_order, purchases, sandbox
from tests.harness.topics import ledger_rows

RELAYS = ("@marketplace.amazon.de", "@notification.mirakl.net", "@allegromail.pl")


def contacts(apis: dict[str, str]) -> dict[str, str]:
    """E-mail by contact id, as SALESmanago has them."""
    return {one["contactId"]: one["email"] for one in fetch_state(apis["SALESMANAGO_API_URL"])["contacts"]}


def test_an_order_with_a_relay_address_goes_to_the_address_known_by_phone_or_to_nobody(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with (
        sandbox("--orders", "40", "--relays", "12") as apis,
        Programs(settings(apis, kafka, prefix) | QUICK, tmp_path) as programs,
    ):
        programs.finish()
        assert wrong(apis) == []
        assert not [email for email in contacts(apis).values() if email.endswith(RELAYS)]
        rows = ledger_rows(kafka, prefix)
        relayed = [one for one in expect(fetch_state(apis["BASELINKER_API_URL"]), CHOICE) if one.by_phone][-12:]
        assert [(one.order["order_source"], rows[one.order_id].reason) for one in relayed] == 3 * [
            ("amazon", "created"),
            ("empik", "masked_email"),
            ("empik", "created"),
            ("allegro", "allegro_buyer_unknown"),
        ]


def test_an_allegro_buyer_is_never_given_another_marketplaces_relay_address(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with (
        sandbox("--orders", "0") as apis,
        Programs(settings(apis, kafka, prefix) | QUICK, tmp_path) as programs,
    ):
        base, phone = apis["BASELINKER_API_URL"], "+48 601 234 567"
        bought = an_order(747000001, order_source="shop", email="kupujacy@example.com", phone=phone)
        bought |= {"date_add": bought["date_add"] - 60, "date_confirmed": bought["date_confirmed"] - 60}
        amazon = an_order(747000002, order_source="amazon", email="a1b2c3d4e5f6g7@marketplace.amazon.de", phone=phone)
        amazon |= {"date_add": amazon["date_add"] - 30, "date_confirmed": amazon["date_confirmed"] - 30}
        allegro = an_order(747000003, order_source="allegro", email="8awgqyk6a5+cub31c122@allegromail.pl", phone=phone)
        for order in (bought, amazon, allegro):
            edit_order(base, order, [1])
        programs.finish()
        assert set(contacts(apis).values()) == {"kupujacy@example.com"}
        assert purchases(apis) == {"747000001": 1, "747000002": 1, "747000003": 1}


def test_an_order_skipped_for_its_relay_address_is_sent_once_it_gets_the_buyers_own(
    kafka: str, prefix: str, tmp_path: Path
) -> None:
    with (
        sandbox("--orders", "0") as apis,
        Programs(settings(apis, kafka, prefix) | QUICK, tmp_path) as programs,
    ):
        base = apis["BASELINKER_API_URL"]
        relay = an_order(747000001, order_source="amazon", email="a1b2c3d4e5f6g7@marketplace.amazon.co.uk")
        edit_order(base, relay, [1])
        programs.finish()
        row = ledger_rows(kafka, prefix)[747000001]
        assert (row.outcome, row.reason, row.purchase_due) == (Outcome.SKIPPED, "masked_email", True)
        assert (contacts(apis), purchases(apis)) == ({}, {})
        edit_order(base, {"order_id": 747000001, "email": "kupujacy@example.com"}, [16])
        programs.finish()
        assert set(contacts(apis).values()) == {"kupujacy@example.com"}
        assert purchases(apis) == {"747000001": 1}
