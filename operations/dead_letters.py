"""`bl2sm dead-letters`: what can never succeed, as it lies there; tried again or dropped, previewed first.

Retry is one transaction: the original bytes into the journal's same partition, and the letter's tombstone. The order's
ledger row is not touched: it is the partition owner's. A later entry finds the purchase still due, or its event.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from operations.cost import AUTOMATIONS, Cost, cost_of_single
from operations.kafka_reads import KafkaReads
from operations.letter_reads import Letter, StillThere
from operations.options import AsJson, Execute
from operations.output import Refused, command, line, note, print_json, progress, table, unfinished
from operations.publish import PAGE, Publisher, wait_for_room
from operations.times import read_time
from runtime.settings import load_settings
from runtime.transaction import OutgoingMessage

COUNTER = "bl2sm.retries"
CUT = "error.cut_from"
AGAIN = "not finished: run the same command again; letters that are done are off the list"

app = typer.Typer(help="Messages that can never succeed. Example: bl2sm dead-letters list.", no_args_is_help=True)

Reason = Annotated[str | None, typer.Option(help="Only those with this reason.")]
Since = Annotated[str | None, typer.Option(help="Only those since then: ISO time (UTC), or an age like 2d.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many, oldest first.")]
Keys = Annotated[list[str] | None, typer.Argument(help="Keys (partition/offset) as `list` shows them; none = all.")]


@dataclass(frozen=True, slots=True)
class LetterView:
    """A dead letter as it is shown; `retries` = how often it was tried again before."""

    key: str
    order_id: int | None
    reason: str
    error: str
    message: str
    attempts: int
    retries: int
    time: datetime
    retryable: bool


@dataclass(frozen=True, slots=True)
class LetterList:
    """Histogram by reason over all that were asked for, and the letters."""

    total: int
    by_reason: Mapping[str, int]
    letters: tuple[LetterView, ...]


def choose(
    reads: KafkaReads,
    keys: list[str] | None = None,
    reason: str | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> list[Letter]:
    """Return the letters asked for, oldest first; Refused for a key that is not there."""
    letters = reads.letters()
    if keys:
        known = {letter.key for letter in letters}
        if missing := [key for key in keys if key not in known]:
            raise Refused(f"there is no dead letter {missing[0]}: `bl2sm dead-letters list` shows those there are")
        wanted = frozenset(keys)
        letters = [letter for letter in letters if letter.key in wanted]
    letters = [one for one in letters if reason is None or one.why.reason == reason]
    letters = [one for one in letters if since is None or one.why.time >= since]
    return letters[:limit] if limit is not None else letters


def view(letter: Letter) -> LetterView:
    """Return what is shown of a letter: nothing personal is in it."""
    why = letter.why
    return LetterView(
        letter.key,
        letter.order_id,
        why.reason,
        why.error_class,
        why.message,
        why.attempts,
        retries(letter),
        why.time,
        retryable(letter),
    )


def retries(letter: Letter) -> int:
    """Return how often it was tried again before."""
    text = next((value for name, value in reversed(letter.headers) if name == COUNTER), None) or b"0"
    return int(text) if text.isdigit() else 0


def retryable(letter: Letter) -> bool:
    """Whether its bytes are whole: those of a message too large to be kept are not."""
    return letter.value is not None and all(name != CUT for name, _ in letter.headers)


def retry_letters(
    reads: KafkaReads,
    letters: list[Letter],
    breathe: Callable[[], None] = lambda: None,
    told: Callable[[int], None] = lambda done: None,
) -> int:
    """Publish them again, page by page, and remove each in the same transaction; return how many were still there.

    `breathe` may raise while it waits for the processors: that ends it between two pages. `told` hears how many are
    done.
    """
    publisher, still_there = Publisher(reads), StillThere(reads)
    known = reads.partitions(reads.topics.journal)
    done = 0
    for start in range(0, len(letters), PAGE):
        wait_for_room(reads, breathe)
        there = still_there.look()  # somebody else may have done some meanwhile
        page = [one for one in letters[start : start + PAGE] if one.key in there]
        messages = []
        for letter in (one for one in page if retryable(one) and one.why.partition in known):
            kept = tuple((name, value) for name, value in letter.headers if not name.startswith("error."))
            counted = tuple(header for header in kept if header[0] != COUNTER)
            headers = (*counted, (COUNTER, str(retries(letter) + 1).encode()))
            key, partition = letter.why.original_key, letter.why.partition
            messages.append(OutgoingMessage(reads.topics.journal, partition, key, letter.value, headers))
            messages.append(_tombstone(reads, letter))
            done += 1
        publisher.messages(messages)
        told(done)
    return done


def drop_letters(reads: KafkaReads, letters: list[Letter], told: Callable[[int], None] = lambda done: None) -> int:
    """Write their tombstones; return how many were still there. The ledger is not touched. `told` as above."""
    publisher, still_there = Publisher(reads), StillThere(reads)
    done = 0
    for start in range(0, len(letters), PAGE):
        there = still_there.look()
        page = [one for one in letters[start : start + PAGE] if one.key in there]
        publisher.messages([_tombstone(reads, letter) for letter in page])
        done += len(page)
        told(done)
    return done


@app.command("list")
@command
def list_(reason: Reason = None, since: Since = None, limit: Limit = 50, as_json: AsJson = False) -> None:
    """How many by reason, then the letters. Example: bl2sm dead-letters list --since 2d."""
    with KafkaReads(load_settings(need="kafka")) as reads:
        found = choose(reads, None, reason, _since(since))
        others = "" if found else _reasons(reads)
    shown = found[:limit] if limit else found
    told = LetterList(len(found), dict(Counter(one.why.reason for one in found)), tuple(map(view, shown)))
    if as_json:
        print_json(told)
        return
    if not found:
        note("no dead letters" + (f" of these; there are: {others}" if others else ""))
        return
    table(["reason", "letters"], Counter(told.by_reason).most_common())
    line()
    _table(told.letters)
    if len(found) > len(shown):
        note(f"{len(found) - len(shown)} more: --limit {len(found)}")


@app.command("show")
@command
def show(
    key: Annotated[str, typer.Argument(help="partition/offset, as `list` shows it.")], as_json: AsJson = False
) -> None:
    """All that is known of one letter. Example: bl2sm dead-letters show 3/1042."""
    with KafkaReads(load_settings(need="kafka")) as reads:
        letter = choose(reads, [key])[0]
    told = view(letter)
    if as_json:
        print_json(told)
        return
    for name in LetterView.__slots__:
        line(f"{name}\t{getattr(told, name)}")
    line(f"lay at\t{letter.why.topic} {letter.why.partition}/{letter.why.offset}")
    line(f"bytes\t{len(letter.value or b'')}")
    if letter.order_id is not None:
        note(f"the order's story: bl2sm explain {letter.order_id}")


@app.command("retry")
@command
def retry(
    keys: Keys = None,
    reason: Reason = None,
    since: Since = None,
    limit: Limit = None,
    execute: Execute = False,
    as_json: AsJson = False,
) -> None:
    """Put letters into the journal again; a purchase that exists is never created twice.

    Mend the cause first. Safe beside running processors. Example: bl2sm dead-letters retry --reason rejected --execute
    """
    with KafkaReads(load_settings(need="kafka")) as reads:
        found = choose(reads, keys, reason, _since(since), limit)
        known = set(reads.partitions(reads.topics.journal))
        cut = [letter for letter in found if not retryable(letter)]
        nowhere = [letter for letter in found if retryable(letter) and letter.why.partition not in known]
        left_out = [text for text in (_not_whole(cut), _nowhere(nowhere)) if text]
        whole = [letter for letter in found if retryable(letter) and letter.why.partition in known]
        if execute and found and not whole:
            raise Refused("; ".join(left_out))
        done = 0
        if execute:
            with unfinished(lambda: AGAIN), progress("published", len(whole)) as told:
                done = retry_letters(reads, whole, told=told)
        orders = {letter.order_id for letter in whole if letter.order_id is not None}
        cost = cost_of_single(reads.settings, orders) if whole else None
        others = "" if found else _reasons(reads)
    _tell("published again", "publish again", whole, done, execute, as_json, others, cost)
    for text in left_out:
        note(text)


@app.command("drop")
@command
def drop(
    keys: Keys = None,
    reason: Reason = None,
    since: Since = None,
    limit: Limit = None,
    execute: Execute = False,
    as_json: AsJson = False,
) -> None:
    """Take letters off the list; their orders stay unsent. Example: bl2sm dead-letters drop 3/1042 --execute."""
    with KafkaReads(load_settings(need="kafka")) as reads:
        found = choose(reads, keys, reason, _since(since), limit)
        done = 0
        if execute:
            with unfinished(lambda: AGAIN), progress("dropped", len(found)) as told:
                done = drop_letters(reads, found, told)
        others = "" if found else _reasons(reads)
    _tell("dropped", "drop", found, done, execute, as_json, others)


def _reasons(reads: KafkaReads) -> str:
    """Return all letters there are, by reason; "" where there are none."""
    found = Counter(letter.why.reason for letter in choose(reads))
    return ", ".join(f"{count} {reason}" for reason, count in found.most_common())


def _since(text: str | None) -> datetime | None:
    return read_time(text, "--since", datetime.now(UTC)) if text else None


def _tombstone(reads: KafkaReads, letter: Letter) -> OutgoingMessage:
    return OutgoingMessage(reads.topics.dead_letters, letter.partition, letter.key.encode(), None)


def _not_whole(letters: list[Letter]) -> str:
    return _left_out(letters, "their messages are empty or were too large to be kept")


def _nowhere(letters: list[Letter]) -> str:
    return _left_out(letters, "the journal topic has no such partitions any more")


def _left_out(letters: list[Letter], why: str) -> str:
    """Return what is said of those that can't be tried again, "" where there are none."""
    if not letters:
        return ""
    named = ", ".join(letter.key for letter in letters[:5])
    return f"{len(letters)} can't be tried again, {why} ({named}): use `bl2sm replay --order ID`, or drop them"


def _tell(
    did: str,
    would: str,
    letters: list[Letter],
    done: int,
    execute: bool,
    as_json: bool,
    others: str,
    cost: Cost | None = None,
) -> None:
    """Report what was done or would be; `others` = which letters there are where none was chosen.

    `cost` None = it costs nothing and sends nothing.
    """
    shown, gone = tuple(map(view, letters)), len(letters) - done
    if others:
        note(f"none of these; there are: {others}")
    if as_json:
        costs = {"requests": cost.requests, "seconds": cost.seconds} if cost is not None else {}
        counts = {"count": done, "gone": gone} if execute else {"count": len(letters)}
        print_json({"executed": execute, **counts, **costs, "letters": shown})
        return
    _table(shown)
    if not execute:
        line(f"would {would}: {len(letters)}")
    else:
        line(f"{did}: {done}" + (f", were gone already: {gone}" if gone else ""))
    if cost is not None:
        line(str(cost))
    if not execute and letters:
        if cost is not None:
            note(f"{AUTOMATIONS} Add --execute to do it.")
        else:
            note(
                "Their orders stay unsent until they are edited, or a backfill or replay has them."
                " Add --execute to do it."
            )


def _table(letters: tuple[LetterView, ...]) -> None:
    table(
        ["key", "order", "reason", "time", "attempts", "retries", "message"],
        [
            (
                one.key,
                one.order_id or "-",
                one.reason,
                f"{one.time:%Y-%m-%d %H:%M:%S}",
                one.attempts,
                one.retries,
                one.message,
            )
            for one in letters
        ],
    )
