"""What was skipped and why; what failed, to be tried again or dropped after a look at what would happen."""

import time
from collections.abc import Callable

from starlette.responses import Response

from console.said import Known
from console.visit import Visit
from operations.dead_letters import choose, drop_letters, retry_letters, retryable, view
from operations.kafka_reads import KafkaReads
from operations.letter_reads import Letter

MOST_SECONDS = 10.0  # a person waits for the answer


def page(visit: Visit) -> Response:
    """Show both."""
    return _page(visit)


def preview(visit: Visit) -> Response:
    """Tell what retry or drop would do."""
    keys, dropping = visit.values.get("key", []), visit.given("do") == "drop"
    if not keys:
        return _page(visit, 400, visit.words("failed.nothing_chosen"))
    with visit.program.reads() as reads:
        letters = _chosen(reads, keys)
    whole = [letter for letter in letters if dropping or retryable(letter)]
    return visit.page(
        "letters.html",
        title="failed",
        dropping=dropping,
        letters=[view(letter) for letter in whole],
        cut=len(letters) - len(whole),
    )


def retry(visit: Visit) -> Response:
    """Put the chosen ones back into the queue; refused where the processors have too much before them."""
    until = time.monotonic() + MOST_SECONDS

    def breathe() -> None:
        if time.monotonic() > until:
            raise Known("no_room")

    return _do(visit, lambda reads, letters: retry_letters(reads, letters, breathe), "failed.done_retry")


def drop(visit: Visit) -> Response:
    """Take the chosen ones off the list."""
    return _do(visit, drop_letters, "failed.done_drop")


def _do(visit: Visit, action: Callable[[KafkaReads, list[Letter]], int], said: str) -> Response:
    with visit.program.reads() as reads:
        done = action(reads, _chosen(reads, visit.values.get("key", [])))
    visit.program.look(fresh=True)
    words = visit.words
    return visit.go("/failed", words(said, letters=words.count("letters", done)) if done else words("failed.gone"))


def _chosen(reads: KafkaReads, keys: list[str]) -> list[Letter]:
    """Those of the keys that are still there: others may have been quicker."""
    wanted = set(keys)
    return [letter for letter in choose(reads) if letter.key in wanted]


def _page(visit: Visit, status: int = 200, error: str = "") -> Response:
    seen = visit.program.look()
    with visit.program.reads() as reads:
        letters = [view(letter) for letter in choose(reads)]
    return visit.page("failed.html", status, title="failed", seen=seen, letters=letters, error=error)
