"""Which cursor a term starts from: at a first start, after a lost cursor, with a journal topic that was recreated."""

from dataclasses import replace
from datetime import datetime, timedelta

from producer.journal.cursor import first_cursor, in_future, start_over
from producer.journal.reader import find_end
from producer.options import Options
from producer.sources import Sources
from runtime.logging import get_logger
from runtime.topic_identity import TopicIdentity
from schemas.records import Cursor

SKEW = timedelta(minutes=10)  # clocks differ: rather an entry too many

log = get_logger(__name__)


def starting_cursor(
    cursor: Cursor | None, identity: TopicIdentity, sources: Sources, options: Options, now: datetime
) -> Cursor:
    """Return the cursor to continue from; one that differs from the given one is to be written before anything else.

    A lost cursor is a first start from the beginning, whatever START_FROM says: what lies between would be lost.
    PartitionsChanged where the journal topic has another number of partitions than the cursor counted.
    """
    if cursor is None:
        first = first_cursor(now, identity.partitions, topic_id=identity.topic_id)
        if sources.journal_has_entries(identity.partitions):
            log.error("the cursor is lost although entries were published: reading the whole journal again")
            return start_over(replace(first, started_at=None), now, 0, identity.topic_id)
        if options.start_from == "latest":
            first = replace(first, settled_log_id=find_end(sources))
            log.info("first start: from the journal's present end", log_id=first.settled_log_id)
        return first
    identity.check_partitions(cursor.journal_partitions)
    if not cursor.journal_topic_id:
        return replace(cursor, journal_topic_id=identity.topic_id)
    if cursor.journal_topic_id == identity.topic_id:
        return cursor
    log.error(
        "the journal topic was recreated: entries that no processor had read are gone. Reading BaseLinker's journal"
        " again from its beginning, and the orders of the last days by date; what is done is passed over"
    )
    begin = 0
    if options.start_from == "latest" and cursor.started_at is not None and not in_future(cursor.started_at, now):
        begin = find_end(sources, before=cursor.started_at - SKEW)
    return start_over(cursor, now, begin, identity.topic_id)
