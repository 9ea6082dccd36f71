"""`bl2sm backfill`: confirmed orders of a time are published as BACKFILL; what is delivered already stays untouched."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Protocol

import typer

from clients import BaseLinker, Order
from operations.apis import open_apis, seconds_for, tell_pace
from operations.cost import AUTOMATIONS, processors_rate, requests_for, seconds_at
from operations.kafka_reads import KafkaReads
from operations.ledger_reads import RowAt
from operations.options import AsJson, Execute
from operations.output import age, command, line, note, print_json, progress, unfinished
from operations.publish import Publisher, drip
from operations.times import read_span
from producer.sweep.sweep import CONFIRMED, Paging
from runtime.settings import load_settings
from schemas.records import JournalEntry, Origin, Outcome

PREVIEW_PAGES, MOST_PAGES = 3, 6  # more than the first where pages overlap, and bring little that is new
ISO = "%Y-%m-%dT%H:%M:%S"


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """What a backfill would do. `complete` = the orders were counted, else the counts are of those seen so far.

    `to_do` are not delivered yet; which of them are sent is for the rules to say. `retracted` of these had their
    purchase taken back, and would get it again. For the whole time (none seen: nothing is known of it):
    `estimated_orders`, `requests` (listing them, then the processors' reading), `seconds` to list them,
    `processing_seconds` at the processors' budget.
    """

    since: datetime
    until: datetime
    orders: int
    delivered: int
    to_do: int
    retracted: int
    complete: bool
    estimated_orders: int
    requests: int
    seconds: float
    processing_seconds: float


@dataclass(frozen=True, slots=True)
class BackfillResult:
    """What was published."""

    published: int


class Lists(Protocol):
    """The part of the BaseLinker client that lists orders."""

    def orders(self, *, confirmed_from: datetime, id_from: int | None) -> list[Order]:
        """Return at most 100 confirmed orders from a time on, and from an id on."""


def walk(base: Lists, since: datetime, until: datetime) -> Iterator[tuple[list[Order], datetime]]:
    """Yield the confirmed orders of a time, page by page, none twice; ApiError as BaseLinker fails.

    With each page: from when on to list again after an interruption. That is not its latest order's time: where
    BaseLinker is asked by id, orders of an earlier one may follow.
    """
    paging, begun = Paging(since), since
    while not paging.done and (paging.id_from is not None or paging.confirmed_from <= until):
        page = base.orders(confirmed_from=paging.confirmed_from, id_from=paging.id_from)
        fresh = [
            order
            for order in paging.take(page)
            if order.confirmed and (order.date_confirmed is None or since <= order.date_confirmed <= until)
        ]
        begun = max(begun, paging.confirmed_from)
        yield fresh, begun


def pages(base: Lists, since: datetime, until: datetime) -> Iterator[list[Order]]:
    """Yield the pages alone."""
    for page, _ in walk(base, since, until):
        yield page


def plan_backfill(reads: KafkaReads, base: Lists, since: datetime, until: datetime) -> BackfillPlan:
    """Look at the first pages and the ledger; nothing is written."""
    rows = reads.rows()
    listed: dict[int, Order] = {}
    complete, asked = True, 0
    for page in pages(base, since, until):
        listed |= {order.order_id: order for order in page}  # one confirmed anew meanwhile comes twice
        asked += 1
        if asked >= PREVIEW_PAGES and (len(page) >= 90 or asked >= MOST_PAGES):
            complete = False
            break
    found = list(listed.values())
    retracted = len(retracted_of(rows) & listed.keys())
    delivered = sum(
        (row := rows.get(order.order_id)) is not None and bool(row.row.event_id) and not row.row.purchase_due
        for order in found
    )
    estimated = len(found)
    if not complete:
        covered = max((((order.date_confirmed or since) - since).total_seconds() for order in found), default=0.0)
        estimated = math.ceil(len(found) * (until - since).total_seconds() / max(1.0, covered))
    listing = max(asked, math.ceil((estimated + 1) / 100))
    share = (len(found) - delivered) / max(1, len(found))
    reading = requests_for(estimated * share)
    return BackfillPlan(
        since,
        until,
        len(found),
        delivered,
        len(found) - delivered,
        retracted,
        complete,
        estimated,
        listing + reading,
        seconds_for(reads.settings, listing),
        seconds_at(processors_rate(reads.settings), reading),
    )


def retracted_of(rows: Mapping[int, RowAt]) -> set[int]:
    """Return the orders whose purchase was taken back."""
    return {order_id for order_id, one in rows.items() if one.row.outcome is Outcome.RETRACTED}


def execute_backfill(
    reads: KafkaReads,
    base: BaseLinker,
    since: datetime,
    until: datetime,
    leave_retracted: bool = False,
    tell: Callable[[int, datetime], None] = lambda published, reached: None,
    waits: Callable[[int, bool], None] = lambda lag, idle: None,
) -> BackfillResult:
    """Publish page by page; an interruption leaves what was published, and says where to go on.

    `leave_retracted` = orders whose purchase was taken back stay so.
    `tell` hears how many were published and up to which time, again and again while it waits; it may raise to end it.
    `waits`: as `drip` has it.
    """
    publisher, reached, published = Publisher(reads), since, 0

    def go_on() -> str:
        return (
            f"stopped after {published} orders, nothing is lost: go on with"
            f" `bl2sm backfill --since {reached:{ISO}} --until {until:{ISO}}{option} --execute`"
        )

    option = " --leave-retracted" if leave_retracted else ""
    left = retracted_of(reads.rows()) if leave_retracted else set()
    with unfinished(go_on), progress("published", None) as done:
        for page, begun in walk(base, since, until):
            entries = [
                JournalEntry(0, CONFIRMED, one.order_id, None, one.date_confirmed or datetime.now(UTC), Origin.BACKFILL)
                for one in page
                if one.order_id not in left
            ]
            drip(reads, publisher, entries, breathe=partial(tell, published, reached), waits=waits)
            published += len(entries)
            reached = begun
            done(published)
            tell(published, reached)
    return BackfillResult(published)


@command
def backfill(
    since: Annotated[str, typer.Option(help="Orders confirmed since then: ISO date or time (UTC), or an age like 7d.")],
    until: Annotated[str | None, typer.Option(help="Orders confirmed until then; now if not given.")] = None,
    leave_retracted: Annotated[
        bool, typer.Option("--leave-retracted", help="Leave out orders whose purchase was retracted.")
    ] = False,
    execute: Execute = False,
    as_json: AsJson = False,
) -> None:
    """Send confirmed orders of a time that are not delivered yet; safe beside running processors.

    Example: bl2sm backfill --since 2026-11-01 --until 2026-11-08 --execute
    """
    settings = load_settings(need="producer")
    begin, end = read_span(since, until, datetime.now(UTC))
    with KafkaReads(settings) as reads, open_apis(settings) as apis:
        reads.partition_count()
        if execute:
            result = execute_backfill(reads, apis.base, begin, end, leave_retracted)
            if as_json:
                print_json(result)
            else:
                line(f"published {result.published} orders; those delivered already are passed over, the others judged")
            return
        tell_pace(settings, PREVIEW_PAGES)
        plan = plan_backfill(reads, apis.base, begin, end)
    if as_json:
        print_json(plan)
        return
    more = "" if plan.complete else f" (the first ones; about {plan.estimated_orders} in all)"
    if not plan.complete and not plan.orders:
        more = " (on the first pages; how many in all is not known)"
    line(f"orders confirmed from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC: {plan.orders}{more}")
    line(f"delivered already, nothing happens: {plan.delivered}")
    left = plan.retracted if leave_retracted else 0
    line(f"not delivered yet, each would be judged by the rules, and sent where they allow it: {plan.to_do - left}")
    if left:
        line(f"retracted, and left so: {left}")
    elif plan.retracted:
        line(f"of these, {plan.retracted} were retracted: their purchases are created again, unless --leave-retracted")
    line(
        f"cost: about {plan.requests} BaseLinker requests; {age(plan.seconds)} to list the orders,"
        f" {age(plan.processing_seconds)} at the processors' budget"
    )
    note(f"{AUTOMATIONS} Add --execute to do it.")
