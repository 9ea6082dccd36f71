"""Send again: single orders, days that are missing, or everything since a moment; each with a preview and its cost."""

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.responses import Response

from clients import Order
from console.orders import ORDER_ID
from console.visit import Visit
from console.working import follow, found
from console.works import Work
from operations.backfill import BackfillPlan, execute_backfill, plan_backfill
from operations.cost import Cost, cost_of_single
from operations.output import WrongUsage
from operations.replay import OrderPlan, ReplayPlan, move_offsets, plan_orders, plan_replay
from operations.replay import replay_orders as publish_orders
from operations.replay_stop import replay_rest, stop_replay
from operations.times import read_span

MOST_IDS = 500


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


def page(visit: Visit) -> Response:
    """Show the three ways."""
    return _page(visit)


def preview_replay(visit: Visit) -> Response:
    """Tell what moving the offsets back would do."""
    time, offset = _utc(visit, "from_time"), visit.given("from_offset")
    if bool(time) == bool(offset):
        return _page(visit, 400, visit.words("again.one_of"))

    def job(work: Work) -> OffsetsPreview:
        with visit.program.reads() as reads:
            plan = plan_replay(reads, offset or None, time or None, work.step)
            work.breathe()
            since = datetime.fromisoformat(time) if time else None
            return OffsetsPreview(plan, since, len(reads.processors()))

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


def preview_orders(visit: Visit) -> Response:
    """Tell what is known of single orders."""
    ids = _ids(visit)
    if not ids:
        return _page(visit, 400, visit.words("again.no_ids"))

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

        return follow(visit, visit.program.works.start("replay_orders", visit.session.id, None, job, alone=True))


def preview_backfill(visit: Visit) -> Response:
    """Count the orders of a time."""
    since = _utc(visit, "since")
    if not since:
        return _page(visit, 400, visit.words("again.bad_time"))
    span = Span(*read_span(since, _utc(visit, "until") or None, datetime.now(UTC)))

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
        return follow(visit, visit.program.works.start("backfill", visit.session.id, span, job, alone=True))


def _page(visit: Visit, status: int = 200, error: str = "") -> Response:
    works = visit.program.works
    running = [work for kind in ("backfill", "replay_orders") if (work := works.running(kind)) is not None]
    known = visit.program.known  # not asked for: the page is there without Kafka, too, and follows by itself
    standing = known.status if known is not None else None
    return visit.page("again.html", status, title="again", running=running, status=standing, error=error)


def _using(visit: Visit, kind: str) -> AbstractContextManager[Any]:
    return visit.program.works.using(found(visit, visit.given("work"), kind))


def _ids(visit: Visit) -> list[int]:
    parts = [part for part in re.split(r"[\s,;]+", visit.given("orders")) if part]
    ids = [int(match[1]) for part in parts if (match := ORDER_ID.fullmatch(part))]
    return list(dict.fromkeys(ids)) if len(ids) == len(parts) and len(ids) <= MOST_IDS else []


def _utc(visit: Visit, name: str) -> str:
    """Return a field's time as ISO text with its zone: the reader's own, which the page's script tells, else UTC."""
    text = visit.given(name)
    if not text:
        return ""
    try:
        at = datetime.fromisoformat(text)
        zone = ZoneInfo(visit.given("zone") or "UTC")
    except (ValueError, ZoneInfoNotFoundError, OSError):
        raise WrongUsage(visit.words("again.bad_time")) from None
    return (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC).isoformat()
