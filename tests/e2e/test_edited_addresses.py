"""An edited address gets its contact; the purchase is created once and stays with the person it was created for."""

from collections.abc import Iterator

import pytest

from sandbox.remote import edit_order, fetch_state
from tests.harness.commands import bl2sm, catch_up
from tests.harness.judge import wrong
from tests.harness.stand_ins import an_order
from tests.operations.shop import deployment, kinds

FIRST, SECOND = "pierwszy@example.com", "drugi.adres@poczta.example.pl"


@pytest.fixture
def shop(kafka: str) -> Iterator[dict[str, str]]:
    """A deployment of one order, besides those that tests add."""
    with deployment(kafka, "--orders", "1") as environment:
        yield environment


def written(shop: dict[str, str]) -> list[str]:
    """The addresses of the contacts that were written for the two, in order."""
    return [one["email"] for one in kinds(shop, "contact") if one["email"].startswith(("pierwszy", "drugi"))]


def holders(shop: dict[str, str], order_id: int) -> list[str]:
    """Whose contacts have a purchase of the order."""
    sales = fetch_state(shop["SALESMANAGO_API_URL"])
    emails = {one["contactId"]: one["email"] for one in sales["contacts"]}
    return [emails[one["contactId"]] for one in sales["events"] if str(one["externalId"]) == str(order_id)]


def bought(shop: dict[str, str], order_id: int, email: str, *log_types: int) -> None:
    """BaseLinker's order as it is now, with entries of these types; everything catches up."""
    known = {one["order_id"] for one in fetch_state(shop["BASELINKER_API_URL"])["orders"]}
    order = {"order_id": order_id, "email": email} if order_id in known else an_order(order_id, email=email)
    edit_order(shop["BASELINKER_API_URL"], order, log_types)
    catch_up(shop)


def test_an_address_edited_before_the_purchase_gets_contact_and_purchase(shop: dict[str, str]) -> None:
    order_id = 750_000_001
    bought(shop, order_id, FIRST, 16)
    assert holders(shop, order_id) == []
    bought(shop, order_id, SECOND, 11, 2)
    assert written(shop)[:2] == [FIRST, SECOND]
    assert holders(shop, order_id) == [SECOND]
    assert bl2sm(shop, "replay", "--order", str(order_id), "--execute").code == 0
    catch_up(shop, "processor")
    assert holders(shop, order_id) == [SECOND]
    assert wrong(shop) == []
    story = bl2sm(shop, "explain", str(order_id)).out
    assert "address now\td…@p…e.pl, contact written\n" in story
    assert "purchase\ton the contact of this address" in story


def test_an_address_edited_after_the_purchase_gets_its_contact_alone(shop: dict[str, str]) -> None:
    order_id = 750_000_002
    bought(shop, order_id, FIRST, 1)
    bought(shop, order_id, SECOND, 16)
    assert (written(shop), holders(shop, order_id)) == ([FIRST, SECOND], [FIRST])
    for options in ((), ("--reveal",)):
        story = bl2sm(shop, "explain", str(order_id), *options)
        assert story.code == 0, story.err
        assert "address now\td…@p…e.pl, contact written\n" in story.out
        assert "purchase\ton the contact of an earlier address, p…@e…e.com (" in story.out
        assert FIRST not in story.out, "the earlier address is nobody's business"
    found = bl2sm(shop, "explain", str(order_id), "--json").data["addresses"]
    assert (found["now"], found["written"], found["holder"]) == ("d…@p…e.pl", True, "p…@e…e.com")
    assert (found["earlier"], found["purchase"]) == (True, True)

    edit_order(shop["BASELINKER_API_URL"], {"order_id": order_id}, [2])
    assert bl2sm(shop, "replay", "--from-offset", "0", "--execute").code == 0
    catch_up(shop)
    assert holders(shop, order_id) == [FIRST], "a replay updates the purchase where it lies"
    assert any(str(one["external_id"]) == str(order_id) for one in kinds(shop, "update"))
    assert wrong(shop) == []
