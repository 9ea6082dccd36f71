"""Send again: single orders, days that are missing, or everything since a moment; each with a preview and its cost."""

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from clients import Order
from console.acts import act
from console.ids import read_ids
from console.mistakes import Mistake
from console.moments import moment
from console.moments import span as read_span
from console.said import Known
from console.visit import View, Visit
from console.working import follow, found
from console.works import Work
from operations.backfill import BackfillPlan, execute_backfill, plan_backfill
from operations.cost import Cost, cost_of_single
from operations.output import WrongUsage
from operations.replay import OrderPlan, ReplayPlan, move_offsets, plan_orders, plan_replay
from operations.replay import replay_orders as publish_orders
from operations.replay_stop import replay_rest, stop_replay

MOST_IDS, LONGEST_SHOWN = 500, 40
TYPED = ("orders", "since", "until", "from_time", "from_offset")
NUMBER, PART = re.compile(r"[0-9]{1,18}"), re.compile(r"[0-9]{1,4}:[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Span:
    """The time of a backfill."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class OffsetsPreview:
    """What moving the offsets would do, since when (None = by offsets), and how many processors were running then."""

    plan: ReplayPlan
    since: datetime | None
    processors: int


@dataclass(frozen=True, slots=True)
class OrdersPreview:
    """What is known of single orders, and what they cost at most."""

    plan: list[OrderPlan]
    cost: Cost


class Asked:
    """BaseLinker's orders for a preview, which ends between two requests where it is stopped."""

    def __init__(self, visit: Visit, work: Work) -> None:
        self._visit, self._work = visit, work

    def orders(self, **asked: Any) -> list[Order]:
        """Return at most 100 orders; ApiError as BaseLinker fails."""
        self._work.breathe()
        return self._visit.program.apis().base.orders(**asked)


def _corrected(view: View) -> View:
    """Show the form again, as it was filled in and with what is wrong, where a view can't take it."""

    def answer(visit: Visit) -> Response:
        try:
            return view(visit)
        except Mistake as mistake:
            return _page(visit, 400, mistake)

    return answer


def page(visit: Visit) -> Response:
    """Show the three ways."""
    return _page(visit)


@_corrected
def preview_replay(visit: Visit) -> Response:
    """Tell what moving the offsets back would do."""
    time, offset = moment(visit, "from_time", datetime.now(UTC)), _offset(visit)
    if (time is None) == (not offset):
        raise Mistake("from_offset", "again.one_of")

    def job(work: Work) -> OffsetsPreview:
        with visit.program.reads() as reads:
            try:
                plan = plan_replay(reads, offset or None, time.isoformat() if time is not None else None, work.step)
            except WrongUsage:
                ends = reads.log_ends(reads.topics.journal)
                raise Known(
                    "no_offset", ends=", ".join(f"{one}:{end}" for one, (_, end) in sorted(ends.items()))
                ) from None
            work.breathe()
            return OffsetsPreview(plan, time, len(reads.processors()))

    return follow(visit, visit.program.works.start("plan_replay", visit.session.id, None, job))


def replay(visit: Visit) -> Response:
    """Move them as previewed; refused beside running processors."""
    with _using(visit, "plan_replay") as preview, visit.program.reads() as reads:
        move_offsets(reads, preview.plan)
    visit.program.look(fresh=True)
    return visit.go("/again", visit.words("again.moved", entries=visit.words.count("entries", preview.plan.entries)))


def preview_stop(visit: Visit) -> Response:
    """Tell what ending a replay would do."""
    with visit.program.reads() as reads:
        rest, processors = replay_rest(reads), len(reads.processors())
    return visit.page("replay_stop.html", title="again", rest=rest, processors=processors)


def stop(visit: Visit) -> Response:
    """End it where it stands, and say how to go on; refused beside running processors."""
    with visit.program.reads() as reads:
        rest = stop_replay(reads)
    visit.program.look(fresh=True)
    if not rest.from_offset:
        return visit.go("/again", visit.words("again.no_replay"))
    return visit.go("/again", visit.words("again.stopped", offset=rest.from_offset))


@_corrected
def preview_orders(visit: Visit) -> Response:
    """Tell what is known of single orders."""
    ids = _ids(visit)

    def job(work: Work) -> OrdersPreview:
        with visit.program.reads() as reads:
            plan = plan_orders(reads, ids, Asked(visit, work))
        work.breathe()
        return OrdersPreview(plan, cost_of_single(visit.program.settings, [one.order_id for one in plan]))

    return follow(visit, visit.program.works.start("plan_orders", visit.session.id, ids, job))


def replay_orders(visit: Visit) -> Response:
    """Publish them."""
    with _using(visit, "plan_orders") as preview:
        plan = preview.plan

        def job(work: Work) -> int:
            work.total = len(plan)
            with visit.program.reads() as reads:
                publish_orders(reads, plan, work.step, work.breathe, work.wait)
            return len(plan)

        work = visit.program.works.start("replay_orders", visit.session.id, None, job, alone=True, act=act(visit))
        return follow(visit, work)


@_corrected
def preview_backfill(visit: Visit) -> Response:
    """Count the orders of a time."""
    span = Span(*read_span(visit, "since", "until", datetime.now(UTC)))

    def job(work: Work) -> BackfillPlan:
        with visit.program.reads() as reads:
            reads.partition_count()
            plan = plan_backfill(reads, Asked(visit, work), span.since, span.until)
        work.breathe()
        return plan

    return follow(visit, visit.program.works.start("backfill_plan", visit.session.id, span, job))


def backfill(visit: Visit) -> Response:
    """Publish them, page by page."""
    leave = visit.given("leave_retracted") == "true"
    with _using(visit, "backfill_plan") as plan:

        def job(work: Work) -> int:
            def tell(published: int, reached: datetime) -> None:
                work.given = Span(reached, plan.until)
                work.step(published)

            work.total = plan.estimated_orders
            with visit.program.reads() as reads:
                reads.partition_count()
                base = visit.program.apis().base
                return execute_backfill(reads, base, plan.since, plan.until, leave, tell, work.wait).published

        span = Span(plan.since, plan.until)
        work = visit.program.works.start("backfill", visit.session.id, span, job, alone=True, act=act(visit))
        return follow(visit, work)


def _page(visit: Visit, status: int = 200, mistake: Mistake | None = None) -> Response:
    works = visit.program.works
    running = [work for kind in ("backfill", "replay_orders") if (work := works.running(kind)) is not None]
    known = visit.program.known  # not asked for: the page is there without Kafka, too, and follows by itself
    standing = known.status if known is not None else None
    typed = {name: visit.given(name) if mistake is not None else "" for name in TYPED}
    return visit.page(
        "again.html", status, title="again", running=running, status=standing, typed=typed, mistake=mistake
    )


def _using(visit: Visit, kind: str) -> AbstractContextManager[Any]:
    return visit.program.works.using(found(visit, visit.given("work"), kind))


def _ids(visit: Visit) -> list[int]:
    found = read_ids(visit.given("orders"))
    ids = [one for one in found if isinstance(one, int)]
    if not ids or len(ids) < len(found):
        wrong = next((one for one in found if isinstance(one, str)), "")
        raise Mistake("orders", "again.no_id" if wrong else "again.no_ids", id=wrong[:LONGEST_SHOWN])
    if len(ids) > MOST_IDS:
        raise Mistake("orders", "again.too_many_ids", n=visit.words.number(len(ids)))
    return ids


def _offset(visit: Visit) -> str:
    """Return the offset as it was typed; Mistake where it is neither N nor P:N,P:N with each partition once."""
    text = visit.given("from_offset")
    partitions = [part.partition(":")[0].strip() for part in text.split(",")]
    if text and not NUMBER.fullmatch(text):
        if not all(PART.fullmatch(part.strip()) for part in text.split(",")) or len(set(partitions)) < len(partitions):
            raise Mistake("from_offset", "again.bad_offset")
    return text
