"""What is written keeps every limit of the API, blanks nothing, and says what the order says."""

from dataclasses import fields
from decimal import Decimal

import pytest

from clients import OrderProduct
from processor.decide.mapping import date_of, join_whole, lane_key, order_value, to_contact, to_purchase
from tests.processor.shop import an_order, at


def line(product_id: str = "", quantity: int = 1, price: str = "1.00", **more: str) -> OrderProduct:
    return OrderProduct(product_id=product_id, price_brutto=Decimal(price), quantity=quantity, **more)


@pytest.mark.parametrize(
    ("items", "limit", "joined"),
    [
        ([], 5, ""),
        (["ab", "cd"], 5, "ab,cd"),
        (["ab", "cde"], 5, "ab"),
        (["abcdef"], 5, ""),
        (["ab", "c", "d"], 4, "ab,c"),
    ],
)
def test_a_list_is_cut_at_whole_items(items: list[str], limit: int, joined: str) -> None:
    assert join_whole(items, ",", limit) == joined


def test_the_value_is_products_and_delivery_rounded_half_up_once() -> None:
    order = an_order(products=(line("1", 3, "0.335"), line("2", 1, "10")), delivery_price=Decimal("1.00"))
    assert order_value(order) == Decimal("12.01")


@pytest.mark.parametrize(("price", "value"), [("-50", "0.00"), ("999999999999999", "9999999999999999.99")])
def test_the_value_stays_within_what_the_api_takes(price: str, value: str) -> None:
    assert order_value(an_order(products=(line("1", 1000, price),))) == Decimal(value)


def test_the_purchase_says_what_the_order_says() -> None:
    order = an_order(
        5,
        shop_order_id="9001",
        payment_method="Przelewy24",
        delivery_method="InPost Paczkomaty",
        products=(
            line("11", 2, name="Kubek, duży", sku="K-1", variant_id="501"),
            line("12", 1, name="Talerz", sku="T-1", variant_id="0"),
        ),
    )
    event = to_purchase(order, "sklep", "product_id")
    assert event.to_json() == {
        "date": round(at(6).timestamp() * 1000),
        "contactExtEventType": "PURCHASE",
        "externalId": "5",
        "location": "sklep",
        "value": 15.0,
        "products": "11,12",
        "description": "Przelewy24",
        "detail1": "Kubek duży,Talerz",
        "detail2": "9001",
        "detail3": "2/1",
        "detail4": "shop",
        "detail5": "InPost Paczkomaty",
        "detail6": "K-1,T-1",
        "detail7": "501",
        "detail8": "PL",
        "detail9": "PLN",
    }


@pytest.mark.parametrize(
    ("field", "products"), [("product_id", "11"), ("variant_id", "21"), ("sku", "S1"), ("ean", "5901234123457")]
)
def test_products_are_the_chosen_ids(field: str, products: str) -> None:
    order = an_order(products=(line("11", variant_id="21", sku="S1", ean="5901234123457"),))
    assert to_purchase(order, "sklep", field).products == products


def test_quantities_stand_beside_the_ids_one_for_one() -> None:
    lines = (line("1", 5), line("", 6), line("0", 7), line("a,b", 8), line("2", 9))
    event = to_purchase(an_order(products=lines), "sklep", "product_id")
    assert (event.products, event.details[2]) == ("1,2", "5/9")


def test_an_order_without_ids_still_tells_its_quantities() -> None:
    event = to_purchase(an_order(products=(line("", 6), line("0", 7))), "sklep", "product_id")
    assert (event.products, event.details[2]) == ("", "6/7")


def test_ids_are_whole_and_512_characters_in_all() -> None:
    event = to_purchase(an_order(products=tuple(line(f"{n:09d}", n) for n in range(60))), "sklep", "product_id")
    assert len(event.products) == 509
    assert event.products.split(",") == [f"{n:09d}" for n in range(51)]
    assert event.details[2].split("/") == [str(n) for n in range(51)]


def test_the_date_is_the_confirmations_or_else_the_orders() -> None:
    assert date_of(an_order(5)) == at(6)
    assert date_of(an_order(5, date_confirmed=None)) == at(5)
    assert date_of(an_order(5, date_confirmed=None, date_add=None)) is None


def test_a_long_name_is_cut_and_stays_on_one_line() -> None:
    contact = to_contact(an_order(delivery_fullname="Jan\r\nNowak\ud800 " + "x" * 400), "jan@example.com", ())
    assert contact.name.startswith("Jan Nowak xxx")
    assert len(contact.name) == 255


def test_the_contact_falls_back_to_the_invoice_but_mixes_no_two_addresses() -> None:
    order = an_order(
        delivery_fullname="", delivery_city="Kraków", delivery_company=" ",
        invoice_fullname="Anna Nowak", invoice_company="Nowak sp. z o.o.", invoice_address="Długa 1",
        invoice_city="Łódź", invoice_postcode="90-001", invoice_country_code="DE",
    )  # fmt: skip
    contact = to_contact(order, "anna@example.com", ("A",))
    assert (contact.name, contact.company) == ("Anna Nowak", "Nowak sp. z o.o.")
    assert (contact.street, contact.zip_code, contact.city, contact.country) == ("", "", "Kraków", "PL")
    whole = to_contact(
        an_order(invoice_address="Długa 1", invoice_city="Łódź", invoice_country_code="de"), "a@b.pl", ()
    )
    assert (whole.street, whole.city, whole.country) == ("Długa 1", "Łódź", "DE")


def test_what_the_order_does_not_have_is_not_sent() -> None:
    bare = an_order(phone="brak", delivery_fullname="", delivery_country_code="")
    assert to_contact(bare, "a@b.pl", ()).to_json() == {"contact": {"email": "a@b.pl"}}


def test_spelling_of_an_email_does_not_make_two_contacts() -> None:
    assert lane_key(" Jan@Example.COM ") == lane_key("jan@example.com")


def test_the_contact_has_no_field_that_nobody_fills() -> None:
    order = an_order(delivery_company="X", delivery_address="Y 1", delivery_postcode="00-001", delivery_city="Z")
    contact = to_contact(order, "a@b.pl", ("T",))
    assert all(getattr(contact, one.name) for one in fields(contact))
