"""Dates and times as operators type them: ISO, UTC where no zone is given, or an age like 2d, 6h, 30m."""

import re
from datetime import UTC, datetime, timedelta

from operations.output import WrongUsage

_AGE = re.compile(r"(\d{1,6})\s*([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
EARLIEST = datetime(2005, 1, 1, tzinfo=UTC)


def read_time(text: str, option: str, now: datetime) -> datetime:
    """Return aware UTC; WrongUsage where it is no time, in the future, or before there was BaseLinker."""
    if match := _AGE.fullmatch(text.strip()):
        amount = timedelta(**{_UNITS[match[2]]: int(match[1])})
        found = now - min(amount, timedelta(days=365 * 15))
    else:
        try:
            found = datetime.fromisoformat(text.strip())
            found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise WrongUsage(f"{option}: give an ISO date or time like 2026-11-20T08:00, or an age like 2d") from None
    if found > now:
        raise WrongUsage(f"{option} lies in the future: there is nothing yet")
    if found < EARLIEST:
        raise WrongUsage(f"{option}: {found:%Y-%m-%d} is too long ago, give a date after {EARLIEST:%Y}")
    return found


def read_span(since: str, until: str | None, now: datetime) -> tuple[datetime, datetime]:
    """Return begin and end of `--since` and `--until` (now if not given)."""
    begin = read_time(since, "--since", now)
    end = read_time(until, "--until", now) if until else now
    if end <= begin:
        raise WrongUsage("--until must be later than --since" if until else "--since: nothing lies between it and now")
    return begin, end
