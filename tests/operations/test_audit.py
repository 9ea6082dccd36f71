"""`audit`: what is missing, doubled or different is found, with the command that fixes it; what is fine is not."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from clients import ContactCard, ExtEvent, Order
from clients.contacts import Contact, PurchaseEvent
from operations.audit import audit_orders
from operations.audit_order import JUST_READ
from operations.ledger_reads import RowAt
from processor.decide.currency import CurrencyRules
from processor.decide.fingerprint import fingerprint
from processor.decide.rules import RuleSettings, purchase_of
from sandbox.remote import fetch_state
from schemas.records import Delivery, Outcome
from tests.harness.commands import bl2sm, catch_up
from tests.harness.judge import wrong
from tests.harness.stand_ins import ask_sandbox, purchases, switch
from tests.operations.shop import another_program, buyer, deployment, sell
from tests.processor.entries import row
from tests.processor.shop import an_order, at

ORDER = an_order(7)
SHOWN = ContactCard("c1", "jan@example.com", (), (ExtEvent("e1", "PURCHASE", "7", None),))
CONFIRMED = at(8)


@pytest.fixture(scope="module")
def shop(kafka: str) -> Iterator[dict[str, str]]:
    """A deployment whose orders all have their outcome; each test takes an order of its own."""
    with deployment(kafka, "--orders", "15") as environment:
        catch_up(environment)
        yield environment


def why(
    order: Order = ORDER,
    known: Delivery | None = None,
    cards: Collection[ContactCard] = (),
    waiting: Collection[int] = (),
    read_after: timedelta = timedelta(days=1),
) -> str:
    """What is said of the one order; "" for nothing."""
    rows = {7: RowAt(7, 0, known)} if known is not None else {}
    read_to = CONFIRMED + read_after
    _, _, found = audit_orders([order], rows, list(cards), RuleSettings("shop"), b"s", waiting, read_to)
    return found[0].why if found else ""


def test_an_order_that_nothing_knows_is_missing() -> None:
    assert why() == "no row in the ledger"
    assert "the ledger does not name it" in why(cards=[SHOWN])


def test_an_order_on_its_way_is_not_to_be_published_again() -> None:
    assert "not sent yet" in why(waiting={7})
    assert "not sent yet" in why(read_after=JUST_READ / 2)
    assert why(waiting={7}, cards=[SHOWN]) == "", "it was sent while the audit read"


def test_what_has_its_outcome_is_judged_by_it_however_new_it_is() -> None:
    retracted = row(outcome=Outcome.RETRACTED, reason="retracted", event_id=None)
    assert why(known=retracted, read_after=-JUST_READ) == "was retracted"
    assert "SALESmanago does not show it" in why(
        known=row(), cards=[ContactCard("c1", "", (), ())], read_after=-JUST_READ
    )


def fix(known: Delivery | None, cards: Collection[ContactCard] = (), letter: str | None = None) -> str:
    """The commands that fix the one order."""
    rows = {7: RowAt(7, 0, known)} if known is not None else {}
    letters = {7: letter} if letter is not None else {}
    *_, (found,) = audit_orders([ORDER], rows, list(cards), RuleSettings("shop"), b"s", (), None, letters)
    return found.mend


REPLAY = "bl2sm replay --order 7 --execute"
AGAIN = f"bl2sm retract --order 7 --execute, then {REPLAY}"
EXTRA = "bl2sm retract --order 7 --extra --execute"
TWO = ContactCard("c1", "", (), (ExtEvent("e1", "PURCHASE", "7", None), ExtEvent("e2", "PURCHASE", "7", None)))

ONE = ContactCard("c1", "", (), (ExtEvent("e1", "PURCHASE", "7", None),))
STRAY = ContactCard("c9", "", (), (ExtEvent("e2", "PURCHASE", "7", None),))


@pytest.mark.parametrize(
    ("known", "cards", "letter", "fixed_by"),
    [
        (
            row(outcome=Outcome.DEAD, reason="rejected", event_id=None),
            (),
            "3/9",
            "bl2sm dead-letters retry 3/9 --execute",
        ),
        (row(outcome=Outcome.DEAD, reason="rejected", event_id=None), (), None, REPLAY),
        (row(event_id="e1"), [TWO], None, EXTRA),
        (None, [TWO], None, f"{REPLAY}, then bl2sm retract --order 7 --extra --contact c1 --execute"),
        (row(event_id="e1"), [ONE, STRAY], None, "bl2sm retract --order 7 --extra --contact c9 --execute"),
        (row(event_id="e3"), [TWO], None, f"{AGAIN}, then {EXTRA}"),
        (row(event_id="e3"), [SHOWN], None, AGAIN),
        (row(), [ContactCard("c1", "", (), ())], None, AGAIN),
        (None, [SHOWN], None, REPLAY),
    ],
)
def test_each_finding_names_the_commands_that_fix_it(
    known: Delivery | None, cards: Collection[ContactCard], letter: str | None, fixed_by: str
) -> None:
    assert fix(known, cards, letter) == fixed_by


def test_what_the_rules_leave_out_is_not_missing_while_it_waits() -> None:
    assert why(an_order(7, order_source="order_return"), waiting={7}) == ""


@pytest.mark.parametrize(
    ("shown", "rate", "said"),
    [
        ("213.50", "4.27", ""),
        ("213.50", "4.31", ""),  # sent at the rate of then
        ("213.50", "6", "the settings changed after it was sent: value 213.5, now 300.00"),
        ("214.50", "4.27", "changed in SALESmanago after it was sent: value 214.5, now 213.50"),  # not what was sent
        (
            "50.00",
            "4.27",
            "in SALESmanago after it was sent: value 50, now 213.50",
        ),  # sent before there was a rate
    ],
)
def test_a_purchase_sent_at_a_former_rate_is_fine_and_any_other_value_is_not(shown: str, rate: str, said: str) -> None:
    def rules(rate: str) -> RuleSettings:
        return RuleSettings("shop", currency=CurrencyRules("PLN", (("EUR", Decimal(rate)),)))

    order = an_order(7, currency="EUR", delivery_price=Decimal("50"), products=())
    sent = fingerprint(purchase_of(order, rules("4.27")).to_json(), b"s")
    known = row(event_id="e1", fingerprint=f"c.{sent}")
    event = ExtEvent("e1", "PURCHASE", "7", None, {"value": float(shown)})
    card = ContactCard("c1", "jan@example.com", (), (event,))
    count, _, found = audit_orders([order], {7: RowAt(7, 0, known)}, [card], rules(rate), b"s")
    assert (count, [said in one.why for one in found]) == ((1, []) if not said else (0, [True]))


def test_audit_finds_missing_doubled_and_differing_purchases_and_names_what_fixes_them(
    kafka: str,
) -> None:
    with deployment(kafka, "--orders", "25") as shop:
        catch_up(shop)
        fine = bl2sm(shop, "audit", "--since", "30d", "--json")
        assert fine.code == 0, fine.out
        assert fine.data["sent"] == len(purchases(shop))
        assert fine.data["findings"] == []

        gone, doubled, there, here, strayed = fetch_state(shop["SALESMANAGO_API_URL"])["events"][:5]
        sales = another_program(shop)
        sales.delete_event(gone["eventId"])
        again = PurchaseEvent(str(doubled["externalId"]), datetime.now(UTC), "sandbox_shop", Decimal("1.00"))
        second = sales.add_event(doubled["contactId"], again)
        other = next(
            one["contactId"]
            for one in fetch_state(shop["SALESMANAGO_API_URL"])["events"]
            if one["contactId"] != strayed["contactId"]
        )
        again = PurchaseEvent(str(strayed["externalId"]), datetime.now(UTC), "sandbox_shop", Decimal("1.00"))
        strange = sales.add_event(other, again)
        as_it_was = datetime.fromtimestamp(there["date"] / 1000, UTC)
        changed = PurchaseEvent(str(there["externalId"]), as_it_was, "another_shop", Decimal("1.00"))
        sales.update_event(there["contactId"], there["eventId"], changed)
        edited = {"order_id": int(here["externalId"]), "delivery_price": 99.5}
        ask_sandbox(shop["BASELINKER_API_URL"], "orders", {"order": edited})
        ran = bl2sm(shop, "audit", "--since", "30d", "--json")
        assert ran.code == 1
        found = {str(one["order_id"]): one for one in ran.data["findings"]}
        assert {order: one["kind"] for order, one in found.items()} == {
            str(gone["externalId"]): "missing",
            str(doubled["externalId"]): "doubled",
            str(there["externalId"]): "differing",
            str(here["externalId"]): "differing",
            str(strayed["externalId"]): "doubled",
        }
        assert all(one["mend"] for one in found.values())
        assert "changed in SALESmanago" in found[str(there["externalId"])]["why"]
        assert "location another_shop, now sandbox_shop" in found[str(there["externalId"])]["why"]
        assert "the order or the settings changed" in found[str(here["externalId"])]["why"]
        for order in fetch_state(shop["BASELINKER_API_URL"])["orders"]:
            assert order["email"] == "" or order["email"] not in ran.out

        assert second in found[str(doubled["externalId"])]["why"]
        assert strange in found[str(strayed["externalId"])]["why"], "it lies with another contact"
        alone = bl2sm(shop, "retract", "--order", str(strayed["externalId"]), "--extra")
        assert (alone.code, "nothing extra was found" in alone.err) == (1, True)
        extra = bl2sm(shop, "retract", "--order", str(doubled["externalId"]), "--extra", "--json").data
        assert [one["event_id"] for one in extra["purchases"]] == [second]
        fixes = [one["mend"] for one in found.values()]
        for command in ", then ".join(fixes).split(", then "):
            words = command.split()
            assert words[0] == "bl2sm"
            assert bl2sm(shop, *words[1:], SETTLE_SECONDS="1").code == 0, command
        catch_up(shop, "processor")
        assert bl2sm(shop, "audit", "--since", "30d").code == 0
        assert wrong(shop) == []


def test_another_integrations_purchase_of_the_same_value_is_reported_and_two_orders_of_ours_are_not(
    kafka: str,
) -> None:
    with deployment(kafka, "--orders", "15", SETTLE_SECONDS="1", SWEEP_INTERVAL_SECONDS="0") as shop:
        first, second = sell(shop, 2)
        ask_sandbox(
            shop["BASELINKER_API_URL"], "orders", {"order": {"order_id": second, "email": buyer(first)}}
        )  # who buys the same twice
        catch_up(shop)
        events = fetch_state(shop["SALESMANAGO_API_URL"])["events"]
        twice = [one for one in events if str(one["externalId"]) in {str(first), str(second)}]
        assert len({one["contactId"] for one in twice}) == 1 and len({one["value"] for one in twice}) == 1
        fine = bl2sm(shop, "audit", "--since", "30d", "--json")
        assert (fine.code, fine.data["possibly_doubled"]) == (0, []), fine.out

        ours = next(one for one in events if one not in twice)
        order, when = str(ours["externalId"]), datetime.fromtimestamp(ours["date"] / 1000, UTC)
        value, sales = Decimal(str(ours["value"])), another_program(shop)
        theirs = PurchaseEvent("HOSTED-1", when + timedelta(minutes=3), "sandbox_shop", value)
        other = sales.add_event(ours["contactId"], theirs)
        late = PurchaseEvent("HOSTED-2", when + timedelta(minutes=11), "sandbox_shop", value)
        sales.add_event(ours["contactId"], late)

        ran = bl2sm(shop, "audit", "--since", "30d", "--json")
        (one,) = ran.data["possibly_doubled"]
        assert (ran.code, ran.data["findings"]) == (1, [])
        assert (one["order_id"], one["event_id"], one["other_event_id"]) == (int(order), ours["eventId"], other)
        assert (one["other_external_id"], one["apart"]) == ("HOSTED-1", 180.0)
        said = bl2sm(shop, "audit", "--since", "30d")
        assert said.code == 1
        assert "missing, doubled or differing: 0\npossibly doubled by another integration: 1\n" in said.out
        assert "Nothing is deleted by itself" in said.err

        command = one["mend"].partition(": bl2sm ")[2].split()
        assert bl2sm(shop, *command).code == 0
        after = bl2sm(shop, "audit", "--since", "30d", "--json")
        assert (after.code, after.data["possibly_doubled"]) == (0, []), after.out
        assert after.data["skipped"]["retracted, another program's purchase is there"] == 1


def test_an_order_that_another_program_may_have_sent_is_not_to_be_replayed_unseen() -> None:
    theirs = ExtEvent("x", "PURCHASE", "HOSTED-1", CONFIRMED, {"value": 51.98})
    card = ContactCard("c9", "jan@example.com", (), (theirs,))
    assert "purchase x of another program (HOSTED-1) may be its" in why(cards=[card])
    assert fix(None, [card]) == f"look at it in SALESmanago; if it is not: {REPLAY}"
    assert fix(None, [ContactCard("c9", "ewa@example.com", (), (theirs,))]) == REPLAY


def test_a_double_with_the_edited_e_mails_contact_is_found(shop: dict[str, str]) -> None:
    sent = fetch_state(shop["SALESMANAGO_API_URL"])["events"][0]
    edited = {"order_id": int(sent["externalId"]), "email": "nowy.adres@example.com"}
    ask_sandbox(shop["BASELINKER_API_URL"], "orders", {"order": edited})
    sales = another_program(shop)
    contact = sales.upsert_contact(Contact(email="nowy.adres@example.com"))
    second = PurchaseEvent(str(sent["externalId"]), datetime.now(UTC), "sandbox_shop", Decimal("1.00"))
    sales.add_event(contact, second)
    (found,) = bl2sm(shop, "audit", "--since", "30d", "--json").data["findings"]
    assert found["kind"] == "doubled"
    words = found["mend"].split()
    assert bl2sm(shop, *words[1:]).code == 0
    assert bl2sm(shop, "audit", "--since", "30d").code == 0


@pytest.mark.slow
def test_a_purchase_that_is_gone_is_never_delivered_unchanged(shop: dict[str, str]) -> None:
    sent = fetch_state(shop["SALESMANAGO_API_URL"])["events"][-1]
    order = str(sent["externalId"])
    another_program(shop).delete_event(sent["eventId"])
    assert bl2sm(shop, "replay", "--order", order, "--execute").code == 0
    catch_up(shop, "processor")
    same = {"order": {"order_id": int(order)}, "log_types": [2]}
    for _ in range(2):
        ask_sandbox(shop["BASELINKER_API_URL"], "orders", same)
        catch_up(shop)
        story = bl2sm(shop, "explain", order, "--offline").out
        assert "event_gone" in story.splitlines()[0]
        assert "`retract` and then `replay` send it anew" in story
    for command in ("retract", "replay"):
        ran = bl2sm(shop, command, "--order", order, "--execute", SETTLE_SECONDS="1")
        assert ran.code == 0, ran.err
    catch_up(shop, "processor")
    assert [str(one["externalId"]) for one in fetch_state(shop["SALESMANAGO_API_URL"])["events"]].count(order) == 1


OTHER = "second@example.com"


def test_a_purchase_of_another_users_contact_is_not_missing_and_its_double_is_found(kafka: str) -> None:
    with deployment(kafka, "--orders", "15") as shop:
        url = shop["SALESMANAGO_API_URL"]
        switch(url, other_users=[OTHER], co_owner=False)
        numbers = sell(shop, 2)
        other = another_program(shop, OTHER)
        contact = other.upsert_contact(Contact(email=buyer(numbers[0])))
        catch_up(shop)
        assert purchases(shop)[str(numbers[0])] == 1
        assert bl2sm(shop, "audit", "--since", "1d").code == 0
        second = PurchaseEvent(str(numbers[0]), datetime.now(UTC), "sandbox_shop", Decimal("1.00"))
        double = other.add_event(contact, second)
        (found,) = bl2sm(shop, "audit", "--since", "1d", "--json").data["findings"]
        assert (found["kind"], found["order_id"]) == ("doubled", numbers[0])
        assert bl2sm(shop, *found["mend"].split()[1:]).code == 0
        assert double not in {one["eventId"] for one in fetch_state(url)["events"]}
        assert bl2sm(shop, "audit", "--since", "1d").code == 0
        switch(url, account_list="denied")
        (found,) = bl2sm(shop, "audit", "--since", "1d", "--json").data["findings"]
        assert (found["kind"], found["order_id"]) == ("unseen", numbers[0])
        assert "is it another user's (see `bl2sm check`)?" in found["why"]
