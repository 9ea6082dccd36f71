"""Dates and times as a form gives them: in the reader's zone, which the page's script tells, else UTC."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from console.mistakes import Mistake
from console.visit import Visit
from operations.times import EARLIEST


def moment(visit: Visit, name: str, now: datetime) -> datetime | None:
    """Return a field's time in UTC, None for an empty field; Mistake where it is no time, or none of this program's."""
    text = visit.given(name)
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        zone = ZoneInfo(visit.given("zone") or "UTC")
    except (ValueError, ZoneInfoNotFoundError, OSError):
        raise Mistake(name, "again.bad_time") from None
    try:
        at = (at if at.tzinfo is not None else at.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:  # the first and the last days there are
        at = at.replace(tzinfo=UTC)
    if at > now:
        raise Mistake(name, "again.future")
    if at < EARLIEST:
        raise Mistake(name, "again.too_early", year=f"{EARLIEST:%Y}")
    return at


def span(visit: Visit, since: str, until: str, now: datetime) -> tuple[datetime, datetime]:
    """Return begin and end from two fields, the second may be empty; Mistake where that is no time between them."""
    begin, end = moment(visit, since, now), moment(visit, until, now) or now
    if begin is None:
        raise Mistake(since, "again.bad_time")
    if end <= begin:
        raise Mistake(until, "again.until_first")
    return begin, end
