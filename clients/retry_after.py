"""Until when an answer asks to wait: Retry-After in seconds or as an HTTP date, bounded either way.

A time that an answer states is of the server's clock: a wrong one of ours must not ask too early. The answer's `Date`
tells how far they differ.
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from clients.http import Answer

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(hours=1)
NO_CLOCK = timedelta(days=1)  # a Date that differs by so much tells nothing


def date_of(answer: Answer) -> datetime | None:
    """Return the server's time (aware UTC) as the answer tells it; None where it does not."""
    try:
        told = parsedate_to_datetime(answer.headers["date"])
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC)
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def clock_ahead(answer: Answer, now: datetime) -> timedelta:
    """Return how far our clock is before the server's; 0 where that is not known."""
    told = date_of(answer)
    ahead = now - told if told is not None else timedelta()
    return ahead if abs(ahead) < NO_CLOCK else timedelta()


def retry_after(answer: Answer, now: datetime) -> datetime | None:
    """Return the end of the wait (aware UTC), 1 s to 1 h from now; None when the header is missing or unreadable."""
    value = answer.headers.get("retry-after")
    if value is None:
        return None
    try:
        if value.strip().isdigit():
            until = now + timedelta(seconds=int(value))
        else:
            until = parsedate_to_datetime(value)
            until = (until if until.tzinfo else until.replace(tzinfo=UTC)) + clock_ahead(answer, now)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(until, now + SHORTEST), now + LONGEST)


def asks_to_wait(answer: Answer) -> bool:
    """Whether the status alone says: not now."""
    return answer.status == 429 or (answer.status == 503 and "retry-after" in answer.headers)


def failed_itself(answer: Answer) -> bool:
    """Whether the status speaks of the server or the way to it, whatever the body says of the request."""
    return answer.status >= 500 or answer.status in {408, 425}
