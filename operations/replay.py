"""`bl2sm replay`: entries are applied again under today's rules, by moving the group's offsets back or by order."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated

import typer
from confluent_kafka import KafkaException, TopicPartition

from clients import Order
from operations.apis import open_apis, tell_pace
from operations.cost import AUTOMATIONS, Cost, cost_of, cost_of_single
from operations.kafka_reads import KafkaReads
from operations.ledger_reads import RowAt
from operations.options import AsJson, Execute
from operations.output import (
    Refused,
    WrongUsage,
    command,
    line,
    note,
    print_json,
    progress,
    table,
    unfinished,
)
from operations.publish import Publisher, drip
from operations.replay_stop import replay_rest, stop_replay
from operations.times import read_time
from operations.topic_reads import SECONDS
from processor.enrich.order_pages import OrderPages, Orders
from producer.sweep.sweep import CONFIRMED
from runtime.client_errors import describe
from runtime.offsets import GroupOffsets
from runtime.settings import load_settings
from runtime.topic_identity import topic_id
from schemas.progress import Progress, read_progress
from schemas.records import JournalEntry, Origin, Outcome
from schemas.topics import order_key

COUNTED_AT_ONCE = 1000
MOVE_AGAIN = (
    "it is not known whether the group was moved: run the same command again before the processors start; moved twice"
    " is as good as once"
)
AGAIN = "not finished: run the same command again; orders that are applied twice get their purchase once"


@dataclass(frozen=True, slots=True)
class Move:
    """Where a partition's offset would go: `start`, and the log's end up to which entries are applied again."""

    partition: int
    start: int
    until: int


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What a replay would do; requests and seconds are the processors', without Allegro look-ups.

    `retracted` = how many of the orders had their purchase taken back: it is created again.
    """

    parts: tuple[Move, ...]
    entries: int
    orders: int
    retracted: int
    requests: int
    seconds: float
    executed: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """One order that is to be replayed: what the ledger says of it today."""

    order_id: int
    known: str
    event_id: str | None


@command
def replay(
    from_offset: Annotated[str | None, typer.Option(help="N for every partition, or P:N,P:N… for some.")] = None,
    from_time: Annotated[
        str | None, typer.Option(help="ISO time, e.g. 2026-11-20T00:00 (UTC if no zone), or an age like 2d.")
    ] = None,
    order: Annotated[
        list[int] | None, typer.Option(help="An order's id; may be given often. Safe beside running processors.")
    ] = None,
    stop: Annotated[
        bool, typer.Option("--stop", help="End a replay of a time or of offsets: what is left of it stays as it is.")
    ] = False,
    execute: Execute = False,
    as_json: AsJson = False,
) -> None:
    """Apply old entries again: contacts are upserted, existing purchases updated, never created twice.

    Offsets can be moved only while no processor runs. Example: bl2sm replay --from-time 2026-11-20T00:00 --execute
    """
    if sum(given is not None for given in (from_offset, from_time, order or None, stop or None)) != 1:
        raise WrongUsage("give one of --from-offset, --from-time, --order and --stop")
    if order:
        _replay_orders(order, execute, as_json)
        return
    if stop:
        _stop(execute, as_json)
        return
    with KafkaReads(load_settings(need="kafka")) as reads:
        with progress("entries counted", None) as done:
            plan = plan_replay(reads, from_offset, from_time, done)
        if execute:
            reads.refuse_beside_processors()
            with unfinished(lambda: MOVE_AGAIN):
                move_offsets(reads, plan)
            plan = replace(plan, executed=True)
    if as_json:
        print_json(plan)
        return
    table(["partition", "from", "until"], [(one.partition, one.start, one.until) for one in plan.parts])
    for text in plan.notes:
        note(text)
    did = "moved" if execute else "would move"
    line(f"{did}: {plan.entries} entries of {plan.orders} orders are applied again")
    if plan.retracted:
        line(f"of these, {plan.retracted} were retracted: their purchases are created again")
    line(str(Cost(plan.requests, plan.seconds)))
    note("start the processors" if execute else f"{AUTOMATIONS} Stop the processors and add --execute to do it.")


def plan_replay(
    reads: KafkaReads, from_offset: str | None, from_time: str | None, done: Callable[[int], None] = lambda count: None
) -> ReplayPlan:
    """Return what would be moved where; WrongUsage for offsets that are not there. `done` hears how many were read."""
    ends = reads.log_ends(reads.topics.journal)
    notes: list[str] = []
    if from_time is not None:
        at = read_time(from_time, "--from-time", datetime.now(UTC))
        starts = reads.offsets_at(reads.topics.journal, at)
    else:
        starts = _offsets(from_offset or "", {number: end for number, (_, end) in ends.items()})
        notes += [
            f"partition {number} ends at {end} and stays as it is"
            for number, (_, end) in sorted(ends.items())
            if number not in starts
        ]
    parts = []
    committed = {one.partition: one.committed for one in reads.positions()}
    for number, start in sorted(starts.items()):
        first, end = ends[number]
        if start < first or (from_time is not None and start == first > 0):
            notes.append(f"partition {number} begins at {first}: what was before has expired (see `bl2sm backfill`)")
        waits = max(first, committed[number])
        if waits < start < end:  # never forward: what the group has not done yet is still to be done
            notes.append(f"partition {number} is at {waits}: it stays there, what waits is not left out")
        parts.append(Move(number, max(first, min(start, waits)), end))
    keys: set[bytes] = set()
    entries = 0
    begin, until = {one.partition: one.start for one in parts}, {one.partition: one.until for one in parts}
    for message in reads.messages(reads.topics.journal, begin, until):
        entries += 1
        if entries % COUNTED_AT_ONCE == 0:
            done(entries)
        key = message.key()
        if isinstance(key, bytes):
            keys.add(key)
    retracted = sum(
        one.row.outcome is Outcome.RETRACTED and order_key(order_id) in keys for order_id, one in reads.rows().items()
    )
    cost = cost_of(reads.settings, len(keys))
    return ReplayPlan(tuple(parts), entries, len(keys), retracted, cost.requests, cost.seconds, False, tuple(notes))


def move_offsets(reads: KafkaReads, plan: ReplayPlan) -> None:
    """Move the group; Refused while members are alive. A member that joins meanwhile makes the broker refuse it.

    Never forward: Refused where the group has been moved back since the plan was made, to before the plan's start.
    """
    reads.refuse_beside_processors()
    _refuse_forward(reads, plan)
    group, topic = reads.settings.group_id, reads.topics.journal
    identity = topic_id(reads.admin, topic)
    asked = [TopicPartition(topic, one.partition) for one in plan.parts]
    offsets = GroupOffsets(reads.settings, group)
    try:
        now = offsets.read(asked, SECONDS)
        before = {part.partition: read_progress(part.metadata) for part in now}
        moved = []
        for one in plan.parts:
            told = mark(before.get(one.partition), identity, one.until)
            moved.append(TopicPartition(topic, one.partition, one.start, told.encode()))
        offsets.move(moved)
    except KafkaException as error:
        raise Refused(
            f"Kafka did not move the group ({describe(error)}): did a processor start? Stop them and run this again"
        ) from None
    finally:
        offsets.close()


def _refuse_forward(reads: KafkaReads, plan: ReplayPlan) -> None:
    there = {one.partition: one.next for one in reads.positions()}
    for one in plan.parts:
        if one.start > there[one.partition]:
            raise Refused(
                f"the group was moved back meanwhile: partition {one.partition} is at {there[one.partition]}, and going"
                f" on from {one.start} would leave out what lies between. Look at a new preview"
            )


def mark(old: Progress | None, identity: str, until: int) -> Progress:
    """Return what the moved offset's metadata say; a replay's end in a topic that was made anew since is none here."""
    old = old or Progress(identity)
    same = old.topic_id in {"", identity}
    return replace(old, topic_id=identity, replay_until=max(until, old.replay_until if same else 0), dead_streak=0)


def plan_orders(reads: KafkaReads, order_ids: list[int], base: Orders | None = None) -> list[OrderPlan]:
    """Return what the ledger knows of orders; those it does not know are asked for at BaseLinker. Refused: unknown.

    `base` None = a client of its own is opened for that.
    """
    if wrong := [order_id for order_id in order_ids if not 0 < order_id < 2**63]:
        raise WrongUsage(f"{wrong[0]} is no order id")
    rows = reads.rows()
    missing = [order_id for order_id in order_ids if order_id not in rows]
    if missing:
        found: dict[int, Order] = {}
        if base is not None:
            OrderPages(base).read(missing, found, set())
        else:
            settings = load_settings(need="producer")
            tell_pace(settings, len(missing))
            with open_apis(settings) as apis:
                OrderPages(apis.base).read(missing, found, set())
        if unknown := [order_id for order_id in missing if order_id not in found]:
            raise Refused(f"BaseLinker does not know order {', '.join(map(str, unknown))}: nothing was done")
    return [_order_plan(order_id, rows.get(order_id)) for order_id in dict.fromkeys(order_ids)]


def replay_orders(
    reads: KafkaReads,
    plan: list[OrderPlan],
    done: Callable[[int], None] = lambda count: None,
    breathe: Callable[[], None] = lambda: None,
    waits: Callable[[int, bool], None] = lambda lag, idle: None,
) -> None:
    """Publish REPLAY entries: always applied, a purchase that exists is updated and never created again.

    `done` hears how many are published; both may raise, to end it. `waits`: as `drip` has it.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    entries = [JournalEntry(0, CONFIRMED, one.order_id, None, now, Origin.REPLAY) for one in plan]
    drip(reads, Publisher(reads), entries, done, breathe, waits)


def _replay_orders(order_ids: list[int], execute: bool, as_json: bool) -> None:
    with KafkaReads(load_settings(need="kafka")) as reads:
        plan = plan_orders(reads, order_ids)
        cost = cost_of_single(reads.settings, [one.order_id for one in plan])
        if execute:
            with unfinished(lambda: AGAIN), progress("published", len(plan)) as done:
                replay_orders(reads, plan, done)
    if as_json:
        print_json({"orders": plan, "requests": cost.requests, "seconds": cost.seconds, "executed": execute})
        return
    table(["order", "ledger", "purchase"], [(one.order_id, one.known, one.event_id or "-") for one in plan])
    line(f"{'published' if execute else 'would publish'}: {len(plan)} orders are applied again under today's rules")
    line(str(cost))
    if not execute:
        note(f"{AUTOMATIONS} Add --execute to do it.")


def _stop(execute: bool, as_json: bool) -> None:
    with KafkaReads(load_settings(need="kafka")) as reads:
        rest = stop_replay(reads) if execute else replay_rest(reads)
    if as_json:
        print_json({"entries": rest.entries, "from_offset": rest.from_offset, "executed": execute})
    elif not rest.from_offset:
        note("no replay is under way")
    else:
        line(f"{'ended' if execute else 'would end'}: about {rest.entries} entries are not applied again")
        note(f"To go on later: bl2sm replay --from-offset {rest.from_offset}")
        note("start the processors" if execute else "Stop the processors and add --execute to do it.")


def _order_plan(order_id: int, found: RowAt | None) -> OrderPlan:
    if found is None:
        return OrderPlan(order_id, "no row yet", None)
    return OrderPlan(order_id, f"{found.row.outcome} {found.row.reason}".strip(), found.row.event_id)


def _offsets(text: str, ends: Mapping[int, int]) -> dict[int, int]:
    """Return partition → offset; a bare N leaves out the partitions that end before it. WrongUsage."""
    if re.fullmatch(r"\d{1,18}", text):
        if int(text) > max(ends.values()):
            raise WrongUsage(f"the longest partition ends at {max(ends.values())}: there is no offset {text}")
        return {number: int(text) for number, end in ends.items() if int(text) <= end}
    found = {}
    for part in text.split(","):
        match = re.fullmatch(r"(\d{1,4}):(\d{1,18})", part.strip())
        if match is None or int(match[1]) not in ends:
            raise WrongUsage(f"--from-offset takes N or P:N,P:N… with partitions {min(ends)} to {max(ends)}")
        number, offset = int(match[1]), int(match[2])
        if number in found:
            raise WrongUsage(f"--from-offset names partition {number} twice")
        if offset > ends[number]:
            raise WrongUsage(f"partition {number} ends at {ends[number]}: there is no offset {offset}")
        found[number] = offset
    return found
