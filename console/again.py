"""Send again: single orders, days that are missing, or everything since a moment; each with a preview and its cost."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.responses import Response

from console.orders import ORDER_ID
from console.said import Known
from console.visit import Visit
from console.working import follow, found
from console.works import Work
from operations.backfill import BackfillPlan, execute_backfill, plan_backfill
from operations.output import WrongUsage
from operations.replay import OrderPlan, move_offsets, plan_orders, plan_replay
from operations.replay import replay_orders as publish_orders
from operations.times import read_span

MOST_IDS = 500


@dataclass(frozen=True, slots=True)
class Span:
    """The time of a backfill."""

    since: datetime
    until: datetime


def page(visit: Visit) -> Response:
    """Show the three ways."""
    return _page(visit)


def preview_replay(visit: Visit) -> Response:
    """Tell what moving the offsets back would do."""
    time, offset = _utc(visit, "from_time"), visit.given("from_offset")
    if bool(time) == bool(offset):
        return _page(visit, 400, visit.words("again.one_of"))
    with visit.program.reads() as reads:
        plan = plan_replay(reads, offset or None, time or None)
        processors = len(reads.processors())
    return visit.page("replay.html", title="again", plan=plan, time=time, offset=offset, processors=processors)


def replay(visit: Visit) -> Response:
    """Move them; refused beside running processors."""
    time, offset = visit.given("from_time"), visit.given("from_offset")
    with visit.program.reads() as reads:
        plan = plan_replay(reads, offset or None, time or None)
        move_offsets(reads, plan)
    return visit.go("/again", visit.words("again.moved", entries=visit.words.count("entries", plan.entries)))


def preview_orders(visit: Visit) -> Response:
    """Tell what is known of single orders."""
    ids = _ids(visit)
    if not ids:
        return _page(visit, 400, visit.words("again.no_ids"))

    def job(_: Work) -> list[OrderPlan]:
        with visit.program.reads() as reads:
            return plan_orders(reads, ids, visit.program.apis().base)

    return follow(visit, visit.program.works.start("plan_orders", visit.signed, ids, job))


def replay_orders(visit: Visit) -> Response:
    """Publish them."""
    plan: list[OrderPlan] = _result(visit, "plan_orders")

    def job(work: Work) -> int:
        work.total = len(plan)
        with visit.program.reads() as reads:
            publish_orders(reads, plan, work.step, work.breathe)
        return len(plan)

    return follow(visit, visit.program.works.start("replay_orders", visit.signed, None, job, alone=True))


def preview_backfill(visit: Visit) -> Response:
    """Count the orders of a time."""
    since = _utc(visit, "since")
    if not since:
        return _page(visit, 400, visit.words("again.bad_time"))
    span = Span(*read_span(since, _utc(visit, "until") or None, datetime.now(UTC)))

    def job(_: Work) -> BackfillPlan:
        with visit.program.reads() as reads:
            reads.partition_count()
            return plan_backfill(reads, visit.program.apis().base, span.since, span.until)

    return follow(visit, visit.program.works.start("backfill_plan", visit.signed, span, job))


def backfill(visit: Visit) -> Response:
    """Publish them, page by page."""
    plan: BackfillPlan = _result(visit, "backfill_plan")

    def job(work: Work) -> int:
        def tell(published: int, reached: datetime) -> None:
            work.given = Span(reached, plan.until)
            work.step(published)

        work.total = plan.estimated_orders
        with visit.program.reads() as reads:
            reads.partition_count()
            return execute_backfill(reads, visit.program.apis().base, plan.since, plan.until, tell).published

    span = Span(plan.since, plan.until)
    return follow(visit, visit.program.works.start("backfill", visit.signed, span, job, alone=True))


def _page(visit: Visit, status: int = 200, error: str = "") -> Response:
    works = visit.program.works
    running = [work for kind in ("backfill", "replay_orders") if (work := works.running(kind)) is not None]
    return visit.page("again.html", status, title="again", running=running, error=error)


def _result(visit: Visit, kind: str) -> Any:
    work = found(visit, visit.given("work"), kind)
    if work.result is None:
        raise Known("no_work")
    return work.result


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
