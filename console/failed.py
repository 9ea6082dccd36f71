"""What was skipped and why; what failed, to be tried again or dropped after a look at what would happen."""

import time
from collections import Counter
from datetime import datetime

from markupsafe import Markup
from starlette.responses import Response

from console.said import Known, tell
from console.visit import Visit
from operations.cost import cost_of_single
from operations.dead_letters import choose, drop_letters, retry_letters, retryable, view
from operations.kafka_reads import KafkaReads
from operations.letter_reads import Letter

MOST_SECONDS = 10.0  # a person waits for the answer
MOST_SHOWN = 500  # a form of some thousand fields is refused; more are chosen by their reason


def page(visit: Visit) -> Response:
    """Show both."""
    return _page(visit)


def preview(visit: Visit) -> Response:
    """Tell what retry or drop would do."""
    dropping = visit.given("do") == "drop"
    if not visit.given("key") and not visit.given("reason"):
        return _page(visit, 400, visit.words("failed.nothing_chosen"))
    with visit.program.reads() as reads:
        letters = _chosen(reads, visit)
        cost = cost_of_single(reads.settings, _orders(letters))
    whole = [letter for letter in letters if dropping or retryable(letter)]
    return visit.page(
        "letters.html",
        200 if letters else 404,
        title="failed",
        dropping=dropping,
        letters=[view(letter) for letter in whole[:MOST_SHOWN]],
        entries=len(whole),
        orders=len(_orders(whole)),
        cut=len(letters) - len(whole),
        cost=cost,
        keys=[letter.key for letter in whole] if visit.given("key") else [],
        reason=visit.given("reason"),
        until=max((letter.why.time for letter in whole), default=None),
    )


def retry(visit: Visit) -> Response:
    """Put the chosen ones back into the queue; refused where the processors have too much before them.

    What was put back before the queue got long, or something failed, is told; the others stay on the list.
    """
    until, done, letters = time.monotonic() + MOST_SECONDS, 0, list[Letter]()

    def breathe() -> None:
        if time.monotonic() > until:
            raise Known("no_more_room" if done else "no_room")

    def hear(count: int) -> None:
        nonlocal done
        done = count

    try:
        with visit.program.reads() as reads:
            letters = [letter for letter in _chosen(reads, visit) if retryable(letter)]
            done = retry_letters(reads, letters, breathe, hear)
    except Exception as error:
        if not done:
            raise
        words, told = visit.words, tell(error, visit.words)
        put = words("failed.partly", done=words.number(done), letters=words.count("entries", len(letters)))
        visit.program.look(fresh=True)
        return visit.go("/failed", Markup('{} {} <span lang="en">{}</span>').format(put, told.text, told.detail))
    return _did(visit, "failed.done_retry", done)


def drop(visit: Visit) -> Response:
    """Take the chosen ones off the list."""
    with visit.program.reads() as reads:
        done = drop_letters(reads, _chosen(reads, visit))
    return _did(visit, "failed.done_drop", done)


def _did(visit: Visit, said: str, done: int) -> Response:
    visit.program.look(fresh=True)
    words = visit.words
    return visit.go("/failed", words(said, letters=words.count("entries", done)) if done else words("failed.gone"))


def _chosen(reads: KafkaReads, visit: Visit) -> list[Letter]:
    """Those of the keys, or of a reason up to a time, that are still there: others may have been quicker."""
    letters, reason = choose(reads), visit.given("reason")
    if not reason:
        wanted = set(visit.values.get("key", []))
        return [letter for letter in letters if letter.key in wanted]
    try:
        until = datetime.fromisoformat(visit.given("until")) if visit.given("until") else None
        return [one for one in letters if one.why.reason == reason and (until is None or one.why.time <= until)]
    except (ValueError, TypeError):
        raise Known("bad_form") from None


def _orders(letters: list[Letter]) -> list[int]:
    return sorted({letter.order_id for letter in letters if letter.order_id is not None})


def _page(visit: Visit, status: int = 200, error: str = "") -> Response:
    seen = visit.program.look()
    with visit.program.reads() as reads:
        letters = choose(reads)
    return visit.page(
        "failed.html",
        status,
        title="failed",
        seen=seen,
        letters=[view(letter) for letter in letters[:MOST_SHOWN]],
        entries=len(letters),
        orders=len(_orders(letters)),
        reasons=Counter(letter.why.reason for letter in letters).most_common(),
        error=error,
    )
