"""Both languages say the same things, and everything a page or a command's code needs."""

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest
from markupsafe import escape

from console.visit import TEMPLATES
from console.words import Words, catalog, choose, plural
from operations.alerts import Kind
from operations.explain import Fate
from operations.status_read import CheckKind, ProblemKind
from processor.decide.rules import SkipReason
from schemas.records import RETRACTED, Outcome

CONSOLE = Path(__file__).parents[2] / "console"


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_have_the_same_texts_with_the_same_places() -> None:
    few = {name for name in catalog("pl") if name.endswith(".few")}
    assert set(catalog("pl")) - few == set(catalog("en"))
    assert {name.removesuffix("few") + "one" for name in few} <= set(catalog("en"))
    for name, text in catalog("en").items():
        assert places(text) == places(catalog("pl")[name]), name


def test_every_reason_and_outcome_has_words() -> None:
    assert all(Words("pl").has(f"reason.{reason}") for reason in SkipReason)
    assert all(Words("pl").has(f"outcome.{one}") and Words("pl").has(f"outcome.{one}_long") for one in Outcome)


def test_every_reason_that_the_programs_write_has_words() -> None:
    root = Path(__file__).parents[2]
    written = "\n".join(path.read_text() for path in (root / "processor").rglob("*.py"))
    made = r"(?:Ending\(\s*job, Outcome\.\w+, |Undecodable\(raw, |(?:delivered|dead)\(attempt, )\"(\w+)\""
    codes = set(re.findall(made, written)) | {RETRACTED}
    assert {"order_refused", "undecidable", "undecodable", "created"} <= codes
    assert {code for code in codes if not Words("pl").has(f"reason.{code}")} == set()


def test_every_fate_of_an_order_has_words() -> None:
    assert all(Words("pl").has(f"order.would_{fate}") for fate in get_args(Fate))


def test_every_alarm_that_the_overview_can_show_has_words_and_a_way_out() -> None:
    elsewhere = {"switched_off", "endpoint_away", "unreadable", "test"}
    kinds = {*get_args(Kind), *get_args(ProblemKind), *get_args(CheckKind)} - elsewhere
    keys = {f"alarm.{kind}{way}" for kind in kinds for way in ("", "_way")}
    assert {key for key in keys if not Words("pl").has(key)} == set()


def test_every_text_that_pages_name_is_there() -> None:
    written = "\n".join(path.read_text() for path in [*CONSOLE.rglob("*.html"), *CONSOLE.glob("*.py")])
    named = set(re.findall(r"\"([a-z_]+\.[a-z0-9_]+)\"", written))
    sections = {name.partition(".")[0] for name in catalog("en")}
    known = set(catalog("en")) | {name.rpartition(".")[0] for name in catalog("en")}
    assert {name for name in named if name.partition(".")[0] in sections and not name.endswith(("_", ".html"))} <= known


def test_orders_are_counted_where_orders_are_said() -> None:
    english = Words("en")
    assert english.entries_of(5, 3) == "3 orders (5 entries)"
    assert english.entries_of(1, 1) == "1 order"
    assert english.entries_of(2, 0) == "2 entries"


@pytest.mark.parametrize("value", ["A & B's", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_values_in_texts_are_escaped_once(value: str) -> None:
    page = TEMPLATES.from_string(
        '{% from "parts/told.html" import value with context %}'
        '{{ t("settings.before_after", before=value("CONTACT_TAG", given), after=given) }}'
        '|{{ t("settings.no_list", why=given) }}'
    ).render(t=Words("en"), given=value)
    once = str(escape(value))
    assert page == f"{once} → {once}|The list can&#39;t be had: {once}"
    assert Words("en")("settings.before_after", before=value, after="") == f"{value} → "


@pytest.mark.parametrize(
    ("number", "form"), [(0, "many"), (1, "one"), (2, "few"), (4, "few"), (5, "many"), (12, "many"), (22, "few")]
)
def test_polish_nouns_take_the_form_their_number_asks_for(number: int, form: str) -> None:
    assert plural("pl", number) == form


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        (None, "pl-PL,pl;q=0.9,en;q=0.8", "pl"),
        (None, "de,en;q=0.5,pl;q=0.7", "pl"),
        (None, "de-DE", "en"),
        (None, "", "en"),
        ("en", "pl", "en"),
        ("xx", "pl;q=nonsense, en", "en"),
    ],
)
def test_the_language_is_the_chosen_one_else_the_browsers(cookie: str | None, accepted: str, language: str) -> None:
    assert choose(cookie, accepted) == language


def test_ages_and_numbers_are_written_as_people_do() -> None:
    assert Words("pl").age(5400) == "90\u00a0min"
    assert Words("pl").age(9000) == "2,5\u00a0godz."
    assert Words("en").number(1234567) == "1,234,567"
