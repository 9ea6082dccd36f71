"""A term's start: which cursor it goes on from. A first start, a lost cursor and a journal topic made anew differ."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from producer.journal.cursor import first_cursor, in_future, start_over
from producer.journal.reader import Page, find_end
from producer.options import Plan
from runtime.logging import get_logger
from runtime.topic_identity import TopicIdentity
from schemas.records import Cursor

SKEW = timedelta(minutes=10)  # clocks differ: rather an entry too many

log = get_logger(__name__)


def starting_cursor(
    cursor: Cursor | None,
    identity: TopicIdentity,
    has_entries: Callable[[], bool],
    plan: Plan,
    page: Page,
    now: datetime,
) -> Cursor:
    """Return the cursor to go on from; another than the given one is to be written before anything else.

    A lost cursor is a first start from the beginning, whatever START_FROM says: what lies between would be lost.
    `has_entries` tells whether the journal topic has ever had one. The journal's partition count was checked before.
    """
    if cursor is None:
        first = first_cursor(now, identity.partitions, topic_id=identity.topic_id)
        if has_entries():
            log.error("the cursor is lost although entries were published: reading the whole journal again")
            return start_over(replace(first, started_at=None), now, 0, identity.topic_id)
        if plan.start_from == "latest":
            first = replace(first, settled_log_id=find_end(page))
            log.info("first start: from the journal's present end", log_id=first.settled_log_id)
        return first
    if not cursor.journal_topic_id:
        return replace(cursor, journal_topic_id=identity.topic_id)
    if cursor.journal_topic_id == identity.topic_id:
        return cursor
    log.error(
        "the journal topic was made anew: entries that no processor had read are gone. Reading BaseLinker's journal"
        " again from its beginning, and the orders of the last days by date; what is done is passed over"
    )
    begin = 0
    if plan.start_from == "latest" and cursor.started_at is not None and not in_future(cursor.started_at, now):
        begin = find_end(page, before=cursor.started_at - SKEW)
    return start_over(cursor, now, begin, identity.topic_id)
