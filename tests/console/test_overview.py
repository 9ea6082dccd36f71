"""What the overview says of a status: pure, no browser is needed."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from console import filters
from console.overview import SETTLING, values
from console.program import Seen
from console.visit import TEMPLATES
from console.words import Words
from operations import live_settings
from operations.endpoints import Told
from operations.status_read import PartitionStatus, Status, problems, standing
from runtime.group_members import Member

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HEALTHY = Status(
    at=NOW,
    group_id="shop-processor",
    processors=(Member("processor-1", "10.0.0.1", (0,)),),
    producers=(Member("producer-1", "10.0.0.2", (0,)),),
    partitions=(PartitionStatus(0, "processor-1@10.0.0.1", 5, 5, 0, 0),),
    programs=(),
    waiting=0,
    eta_seconds=None,
    oldest_unfinished_order=None,
    oldest_unfinished_seconds=None,
    last_log_id=7,
    last_log_age_seconds=5.0,
    journal_read_age_seconds=5.0,
    last_hour={},
    last_day={},
    hours=(),
    sending=0,
    dead_letters=0,
    dead_orders=0,
    retrying=0,
    last_error=None,
    requests_last_minute=12,
    requests_per_minute=80,
    processors_requests_per_minute=66.0,
    replaying=0,
    gaps=0,
    paused_by="",
    problems=(),
)


def unready(check: str, state: str) -> tuple[Told, ...]:
    return (Told("processor", "processor-1@10.0.0.1", "http://a", False, ready=False, checks={check: state}),)


def shown(status: Status, language: str = "pl", part: str = "alarms") -> str:
    words = Words(language)
    seen = Seen(status, live_settings.Current(), ())
    return TEMPLATES.get_template(f"parts/{part}.html").render(t=words, f=filters, **values(seen, words))


def test_all_is_well_only_where_status_has_no_problems() -> None:
    assert "Wszystko działa" in shown(HEALTHY) and problems(HEALTHY) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"producers": (Member("producer-1", "10.0.0.2", ()),)}, "nie prowadzi"),
        ({"partitions": (PartitionStatus(0, "", 5, 5, 0, 0),)}, "docker compose logs processor"),
        ({"programs": unready("assignment", "the group does not answer")}, "the group does not answer</p>"),
        ({"programs": unready("SALESmanago", "it refuses the key")}, "it refuses the key</p>"),
        ({"journal_read_age_seconds": None}, "nie był jeszcze ani razu odczytany"),
        ({"processors": ()}, "nie działa żaden procesor"),
        ({"producers": ()}, "nie działa żaden program pobierający"),
        ({"gaps": 1}, "Dziennik BaseLinkera zbyt długo nie był czytany"),
        ({"oldest_unfinished_order": 8, "oldest_unfinished_seconds": 3600.0}, "Zamówienie 8 czeka od 60"),
        (
            {"waiting": 9, "oldest_unfinished_order": 8, "oldest_unfinished_seconds": 400.0, "finished_seconds": 360.0},
            "od kilku minut nic nie zostało zakończone",
        ),
        ({"dead_letters": 5, "dead_orders": 3}, "Nie udało się wysłać: 3 zamówienia (5 wpisów)"),
    ],
)
def test_every_problem_of_status_is_put_in_words_with_the_way_out(change: dict[str, object], said: str) -> None:
    status = replace(HEALTHY, **change)  # type: ignore[arg-type]
    page = shown(status)
    assert problems(status) and "Wszystko działa" not in page
    assert said in page
    only_settling = all(one.kind in SETTLING for one in problems(status))
    assert ("Programy dzielą między siebie pracę" in page) is only_settling


@pytest.mark.parametrize(
    "change",
    [
        {"finished_seconds": 100.0},
        {"oldest_unfinished_seconds": 100.0},
        {"paused_by": "paused by AK"},
        {"programs": unready("BaseLinker", "waiting until 12:10:00 UTC")},
    ],
)
def test_nothing_stands_still_while_orders_are_finished_or_a_program_says_why_not(change: dict[str, object]) -> None:
    stands = {"waiting": 9, "oldest_unfinished_order": 8, "oldest_unfinished_seconds": 400.0, "finished_seconds": None}
    status = replace(HEALTHY, **stands)  # type: ignore[arg-type]
    assert standing(status) and not standing(replace(status, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(("language", "said"), [("pl", "wyglądają na pośrednie adresy"), ("en", "look like a market")])
def test_a_domain_that_looks_like_a_relay_is_shown_with_the_setting_and_is_no_problem(language: str, said: str) -> None:
    line = "MASKED_EMAIL_DOMAINS=+a.example,+b.example"
    status = replace(HEALTHY, unlisted_relays={"a.example": 7, "b.example": 5}, relay_setting=line)
    page = shown(status, language)
    assert problems(status) == []
    assert said in page and "a.example, b.example" in page and line in page
    assert said not in shown(HEALTHY, language)


def test_programs_that_cannot_be_asked_are_named() -> None:
    hidden = Told("processor", "processor-1@10.0.0.1", None, False, not_asked="no HTTP_PORT")
    assert "HTTP_PORT" in shown(replace(HEALTHY, programs=(hidden,)))
    assert "HTTP_PORT" not in shown(HEALTHY)


def test_a_programs_own_sentence_is_marked_as_english() -> None:
    page = shown(replace(HEALTHY, programs=unready("broker", "it does not answer")))
    assert '<p class="said" lang="en">processor processor-1@10.0.0.1: broker: it does not answer</p>' in page


@pytest.mark.parametrize(("used", "said"), [(12, "12 in the last minute; at most 80"), (None, "last minute not known")])
def test_the_budget_says_what_was_used(used: int | None, said: str) -> None:
    words = Words("en")
    text = words("overview.used", n=used) if used is not None else words("overview.used_unknown")
    assert said in words("overview.budget_text", used=text, all=80, own=66)


@pytest.mark.parametrize(
    ("waiting", "replaying", "said"), [(0, 0, "nothing waits"), (62, 62, "being sent again"), (1, 0, "")]
)
def test_what_waits_is_never_called_nothing(waiting: int, replaying: int, said: str) -> None:
    page = shown(replace(HEALTHY, waiting=waiting, replaying=replaying), "en", "numbers")
    assert f'<b id="waiting">{waiting}</b> <span>{said}</span>' in page
