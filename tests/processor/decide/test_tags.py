"""Tags are what SALESmanago would make of them, and never empty or doubled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.decide.tags import LONGEST_TAG, TagSource, clean_tag, tags_for

SOURCES = {"allegro": {3: "Konto1", 4: "Łódź – sklep"}, "shop": {7: ""}}
ALPHABET = set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-([{)]}_")


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("baselinker", "BASELINKER"),
        ("zażółć gęślą jaźń", "ZAZOLC_GESLA_JAZN"),
        ("Straße", "STRASSE"),
        ("Øresund œuvre Đ", "ORESUND_OEUVRE_D"),
        ("a!b#c$d&e*f\"g'h", "A_B_C_D_E_F_G_H"),
        ("(x)[y]{z}-_", "(X)[Y]{Z}-_"),
        ("  trimmed  ", "TRIMMED"),
        ("магазин", ""),
        ("", ""),
        ("___", ""),
        ("x" * 300, "X" * 255),
    ],
)
def test_a_tag_is_spelled_in_salesmanagos_alphabet(text: str, tag: str) -> None:
    assert clean_tag(text) == tag


@pytest.mark.parametrize(
    ("choice", "source", "source_id", "tags"),
    [
        ("none", "allegro", 3, ()),
        ("code", "allegro", 3, ("BASELINKER_ALLEGRO",)),
        ("name", "allegro", 3, ("BASELINKER_ALLEGRO_KONTO1",)),
        ("both", "allegro", 3, ("BASELINKER_ALLEGRO", "BASELINKER_ALLEGRO_KONTO1")),
        ("name", "allegro", 4, ("BASELINKER_ALLEGRO_LODZ___SKLEP",)),
        ("name", "allegro", 99, ("BASELINKER_ALLEGRO",)),
        ("both", "allegro", 99, ("BASELINKER_ALLEGRO",)),
        ("both", "shop", 7, ("BASELINKER_SHOP",)),
        ("name", "emag", 3, ("BASELINKER_EMAG",)),
        ("both", "", 3, ()),
    ],
)
def test_the_orders_source_is_tagged_as_chosen(
    choice: TagSource, source: str, source_id: int, tags: tuple[str, ...]
) -> None:
    assert tags_for("", choice, source, source_id, SOURCES) == tags


def test_a_comma_separates_several_tags_and_empty_and_doubled_ones_are_dropped() -> None:
    assert tags_for("sklep, , Sklep,vip,BASELINKER_shop", "code", "shop", 7, SOURCES) == (
        "SKLEP",
        "VIP",
        "BASELINKER_SHOP",
    )


@given(st.text(max_size=300))
def test_every_text_becomes_a_tag_in_the_alphabet_that_stays_as_it_is(text: str) -> None:
    tag = clean_tag(text)
    assert set(tag) <= ALPHABET
    assert len(tag) <= LONGEST_TAG
    assert clean_tag(tag) == tag
