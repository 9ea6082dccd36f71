"""Is it running, what went through, what waits, what is wrong and how to mend it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.responses import Response

from console.currencies import sentence
from console.program import Seen
from console.visit import Visit
from console.words import Words
from operations.alerts import alarms
from operations.status_read import Status, problems

DRAWN = ("delivered", "skipped", "dead")
ELSEWHERE = "switched_off"  # a pause has its own place
SETTLING = frozenset({"not_ready", "no_leader", "unowned"})  # for a moment at each rebalance
SAID = frozenset({"not_ready", "unowned", "paused", "broker_away"})  # which program, and why: only it knows
HEIGHT = 120


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong, and the way out; `said` = the programs' own sentences, in English."""

    kind: str
    text: str
    way: str
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a bar, in the chart's units."""

    outcome: str
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour; `x` in the chart's units."""

    hour: datetime
    x: int
    total: int
    pieces: tuple[Piece, ...]


def page(visit: Visit) -> Response:
    """Show it; the page keeps itself up to date."""
    seen = visit.program.look()
    return visit.page("overview.html", title="overview", **values(seen, visit.words))


def values(seen: Seen, words: Words) -> dict[str, Any]:
    """Return what the overview's templates need."""
    status = seen.status
    return {
        "seen": seen,
        "status": status,
        "troubles": (found := troubles(status, words) if status is not None else []),
        "unseen": status is not None and any(one.not_asked and not one.named for one in status.programs),
        "settling": all(one.kind in SETTLING for one in found),
        "bars": bars(status) if status is not None else [],
        "height": HEIGHT,
        "currencies": sentence(status.currencies, words) if status is not None else "",
    }


def troubles(status: Status, words: Words) -> list[Trouble]:
    """Return the problems of `bl2sm status` and the alarms of `bl2sm alerts` in words, each with the way out.

    Once a kind: what passes by itself comes last.
    """
    found: dict[str, list[str]] = {}
    told = [(one.kind, one.text) for one in alarms(status)] + [(one.kind, one.text) for one in problems(status)]
    for kind, text in told:
        if kind != ELSEWHERE and not (kind == "oldest_unfinished" and status.paused_by):
            found.setdefault(kind, []).append(text)
    values = {
        "order": status.oldest_unfinished_order or "",
        "age": words.age(status.oldest_unfinished_seconds),
        "letters": words.entries_of(status.dead_letters, status.dead_orders),
    }
    return [
        Trouble(
            kind,
            words(f"alarm.{kind}", **values),
            words(f"alarm.{kind}_way", **values),
            tuple(dict.fromkeys(said)) if kind in SAID else (),
        )
        for kind, said in sorted(found.items(), key=lambda one: one[0] in SETTLING)
    ]


def bars(status: Status) -> list[Bar]:
    """Return the last 24 hours as bars, the highest one as high as the chart."""
    most = max([sum(counts.get(name, 0) for name in DRAWN) for _, counts in status.hours], default=0) or 1
    found = []
    for number, (hour, counts) in enumerate(status.hours):
        pieces, y = [], HEIGHT
        for name in DRAWN:
            count = counts.get(name, 0)
            height = max(2, round(count * HEIGHT / most)) if count else 0
            y -= height
            pieces.append(Piece(name, y, height))
        found.append(Bar(hour, 2 + 20 * number, sum(counts.get(name, 0) for name in DRAWN), tuple(pieces)))
    return found
