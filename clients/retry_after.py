"""Until when an answer asks to wait: Retry-After in seconds or as an HTTP date, bounded either way."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from clients.http import Answer

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(hours=1)


def retry_after(answer: Answer, now: datetime) -> datetime | None:
    """Return the end of the wait (aware UTC), 1 s to 1 h from now; None when the header is missing or unreadable."""
    value = answer.headers.get("retry-after")
    if value is None:
        return None
    try:
        until = parsedate_to_datetime(value) if not value.strip().isdigit() else now + timedelta(seconds=int(value))
    except (ValueError, TypeError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(until, now + SHORTEST), now + LONGEST)


def asks_to_wait(answer: Answer) -> bool:
    """Whether the status alone says: not now."""
    return answer.status == 429 or (answer.status == 503 and "retry-after" in answer.headers)


def failed_itself(answer: Answer) -> bool:
    """Whether the status speaks of the server or the way to it, whatever the body says of the request."""
    return answer.status >= 500 or answer.status in {408, 425}
