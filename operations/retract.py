"""`bl2sm retract`: deletes PURCHASE events that we created, and the ledger knows; a later backfill may send them anew.

Rows belong to who owns their partition. So this command refuses to begin beside processors, and then is the group's
only member itself: its rows go with the partitions' offsets under its own generation, which the broker refuses once
anybody else has joined. First all events are deleted, then SETTLE_SECONDS pass (a deleted event that is still listed
would be adopted by a backfill), then the rows are written. An interruption leaves rows that name events which are
gone: doing it again mends that, and until then such an order can become a dead letter `event_gone`, never a double.
"""

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from clients import BackpressureError, EventGone, RetriableError, SalesManago
from operations.apis import open_apis
from operations.extra_purchases import find_extra
from operations.group_reads import Position
from operations.kafka_reads import KafkaReads
from operations.ledger_reads import RowAt
from operations.options import AsJson, Execute
from operations.output import (
    Refused,
    WrongUsage,
    command,
    line,
    note,
    print_json,
    progress,
    table,
    unfinished,
)
from operations.times import read_span
from operations.topic_reads import SECONDS
from runtime.kafka import assign_paused, consumer_config, cooperative, transactional_producer_config
from runtime.settings import Settings, load_settings
from runtime.topic_identity import topic_id
from runtime.transaction import Fenced, NotCommitted, OutgoingMessage, TransactionalWriter, Unanswered
from schemas.codec import DecodeError
from schemas.records import ASKED_FOR, RETRACTED, Delivery, JournalEntry, Origin, Outcome
from schemas.topics import order_key, parse_order_key

JOIN_SECONDS, TRANSACTION_SECONDS = 60.0, 20.0
PAGE = 200
TRIES = 5
STARTED_MEANWHILE = "a processor started meanwhile: stop it and run this again, nothing is doubled"
ADOPTED, SENT = "adopted", frozenset({"created", "updated"})


@dataclass(frozen=True, slots=True)
class Retraction:
    """One order whose purchase is (to be) deleted; `known` = how it was delivered last, as the ledger has it."""

    order_id: int
    partition: int
    event_id: str
    delivered_at: datetime
    known: str


@dataclass(frozen=True, slots=True)
class RetractResult:
    """`deleted` = deletions that succeeded, `gone` = events that SALESmanago did not find; `rows` were written."""

    deleted: int
    gone: int
    rows: int


def plan_retract(
    rows: dict[int, RowAt], order_ids: Sequence[int] | None, since: datetime | None, until: datetime | None
) -> list[Retraction]:
    """Return the orders whose rows name an event, by id or by when their row was written; pure."""
    found = []
    wanted = frozenset(order_ids) if order_ids is not None else None
    for order_id, one in sorted(rows.items()):
        row = one.row
        if wanted is not None and order_id not in wanted:
            continue
        if since is not None and until is not None and not since <= row.delivered_at <= until:
            continue
        if row.event_id and row.outcome is not Outcome.SENDING:
            found.append(Retraction(order_id, one.partition, row.event_id, row.delivered_at, row.reason))
    return found


def retracted_row(row: Delivery, now: datetime, topic_id: str, done: int) -> Delivery:
    """The row an order has once its purchase is deleted: no event, none due.

    Entries up to `done` shall not bring it back, whatever asked for them, should they come again.
    """
    before = row.journal_offset if row.journal_topic_id == topic_id else -1
    return replace(
        row,
        journal_offset=max(before, done),
        journal_topic_id=topic_id,
        outcome=Outcome.RETRACTED,
        reason=RETRACTED,
        purchase_due=False,
        event_id=None,
        fingerprint=None,
        delivered_at=now,
    )


def execute_retract(reads: KafkaReads, sales: SalesManago, order_ids: Sequence[int]) -> RetractResult:
    """Own the group, delete, wait, write the rows. The rows are read again once all partitions are ours."""
    reads.refuse_beside_processors()
    with _OnlyMember(reads) as member:
        reads.wait_for_hidden(reads.topics.deliveries)
        rows = reads.rows()  # nobody else can write any more without our losing the group
        plan = plan_retract(rows, order_ids, None, None)
        positions = {one.partition: one for one in reads.positions()}
        if never := {one.partition for one in plan if positions[one.partition].committed < 0}:
            raise Refused(f"the group has no offset in partitions {sorted(never)}: its rows are of another journal")
        deleted = 0
        with progress("deleted", len(plan)) as done:
            for index, one in enumerate(plan, 1):
                member.turn()
                deleted += _delete(sales, one.event_id)
                done(index)
        if plan:
            note(f"waiting {reads.settings.settle_seconds:.0f} s until SALESmanago lists none of them any more")
        until = time.monotonic() + (reads.settings.settle_seconds if plan else 0)
        while time.monotonic() < until:
            member.turn()
            time.sleep(0.2)
        now, identity = datetime.now(UTC), topic_id(reads.admin, reads.topics.journal)
        asked = asked_for(reads, {one.order_id for one in plan}, positions)

        def row(one: Retraction) -> Delivery:
            done = max(positions[one.partition].committed - 1, asked.get(one.order_id, -1))
            return retracted_row(rows[one.order_id].row, now, identity, done)

        for start in range(0, len(plan), PAGE):
            member.write([(one, row(one)) for one in plan[start : start + PAGE]], positions)
        return RetractResult(deleted, len(plan) - deleted, len(plan))


def asked_for(reads: KafkaReads, order_ids: set[int], positions: Mapping[int, Position]) -> dict[int, int]:
    """Return the last offset not committed yet at which somebody asked for one of these orders to be sent, by order.

    Some of these were done already, ahead of an older entry that waits; the others are older than what is taken back.
    """
    found: dict[int, int] = {}
    starts = {number: one.next for number, one in positions.items()}
    ends = {number: one.end for number, one in positions.items()}
    for message in reads.messages(reads.topics.journal, starts, ends):
        partition, offset, key = message.partition(), message.offset(), message.key()
        try:
            order_id = parse_order_key(key if isinstance(key, bytes) else None)
        except ValueError:
            continue
        if order_id in order_ids and partition is not None and offset is not None and _asks(reads, message):
            found[order_id] = max(offset, found.get(order_id, -1))
    return found


def _asks(reads: KafkaReads, message: Message) -> bool:
    value = message.value()
    headers: Iterable[Any] = message.headers() or []
    if any(name == ASKED_FOR for name, _ in headers):
        return True
    try:
        return isinstance(value, bytes) and reads.codec.decode(value, JournalEntry).origin is Origin.REPLAY
    except DecodeError:
        return False


class _OnlyMember:
    """The group's one member, owning every partition, reading none."""

    def __init__(self, reads: KafkaReads) -> None:
        self._reads, settings = reads, reads.settings
        self._cooperative = cooperative(settings)
        self._owned: set[int] = set()
        self._lost = False
        self._consumer = Consumer(consumer_config(settings, settings.group_id))
        self._all = set(reads.partitions(reads.topics.journal))
        name = f"{settings.group_id}-{uuid.uuid4()}"
        config = transactional_producer_config(settings, name)
        self._writer = TransactionalWriter(lambda: Producer(config), TRANSACTION_SECONDS)

    def __enter__(self) -> "_OnlyMember":
        try:
            self._writer.open(SECONDS * 3)
            self._consumer.subscribe(
                [self._reads.topics.journal], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
            )
            until = time.monotonic() + JOIN_SECONDS
            while self._owned != self._all:
                if time.monotonic() > until:
                    raise Refused("the processors' group did not give every partition: is a processor running?")
                self._consumer.poll(0.1)
            if len(self._reads.processors()) != 1:
                raise Refused(STARTED_MEANWHILE)
        except BaseException:
            self._consumer.close()
            raise
        return self

    def __exit__(self, *ending: object) -> None:
        self._consumer.close()

    def turn(self) -> None:
        """Keep the membership; Refused once anything of it is lost."""
        self._consumer.poll(0)
        if self._lost or self._owned != self._all:
            raise Refused(STARTED_MEANWHILE)

    def write(self, rows: Sequence[tuple[Retraction, Delivery]], positions: dict[int, Position]) -> None:
        """Write rows with the offset of each partition they lie in, unmoved, under this member's generation."""
        self.turn()
        numbers = sorted({one.partition for one, _ in rows})
        offsets = []
        for number in numbers:
            position = positions[number]
            told = position.progress.encode() if position.progress is not None else ""
            offsets.append(TopicPartition(self._reads.topics.journal, number, position.committed, told))
        messages = [
            OutgoingMessage(
                self._reads.topics.deliveries,
                one.partition,
                order_key(one.order_id),
                self._reads.codec.encode(row),
            )
            for one, row in rows
        ]
        try:
            self._writer.write(messages, offsets, self._consumer.consumer_group_metadata())
        except Unanswered as error:
            raise Refused(
                f"Kafka did not say whether it took the rows ({error}): run `bl2sm explain` for one of these orders; if"
                " its row is not retracted, stop all processors and run this again"
            ) from None
        except (NotCommitted, Fenced) as error:
            raise Refused(
                f"Kafka did not take the rows ({error}): stop all processors and run this again; the events"
                " are deleted, the ledger does not know it yet"
            ) from None

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        assign_paused(consumer, partitions, self._cooperative)
        self._owned |= {one.partition for one in partitions}

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._lost = self._lost or bool(partitions)
        self._owned -= {one.partition for one in partitions}


@command
def retract(
    order: Annotated[list[int] | None, typer.Option(help="An order's id; may be given often.")] = None,
    since: Annotated[str | None, typer.Option(help="Purchases recorded since then: ISO time (UTC), or age.")] = None,
    until: Annotated[str | None, typer.Option(help="Purchases recorded until then; now if not given.")] = None,
    extra: Annotated[
        bool, typer.Option(help="With --order: delete its purchases beside the ledger's. Safe beside processors.")
    ] = False,
    contact: Annotated[
        list[str] | None, typer.Option(help="With --extra: a further contact's id to look at; may be given often.")
    ] = None,
    execute: Execute = False,
    as_json: AsJson = False,
) -> None:
    """Delete PURCHASE events we created, e.g. sent with a wrong e-shop. Stop the processors first.

    Contacts and tags stay; the sweep brings none back, only `backfill` and `replay` do. Adopted purchases, which
    another program may have created, are deleted only where --order names them.

    Example: bl2sm retract --order 12345678 --execute
    """
    if bool(order) == bool(since) or (until and not since):
        raise WrongUsage("give --order, or --since (and --until)")
    if extra:
        if not order:
            raise WrongUsage("--extra goes with --order")
        _retract_extra(order, contact or [], execute, as_json)
        return
    if contact:
        raise WrongUsage("--contact goes with --extra")
    settings = load_settings(need="processor" if execute else "kafka")
    begin, end = read_span(since, until, datetime.now(UTC)) if since else (None, None)
    with KafkaReads(settings) as reads:
        reads.partition_count()
        found = plan_retract(reads.rows(), order or None, begin, end)
        if order and (missing := set(order) - {one.order_id for one in found}):
            raise Refused(f"the ledger names no purchase of order {min(missing)}: see `bl2sm explain {min(missing)}`")
        plan = [one for one in found if order or one.known != ADOPTED]
        result = _execute(settings, reads, plan) if execute and plan else None
    if as_json:
        print_json({"executed": execute, "purchases": plan, "result": result})
    else:
        _print(plan, result, execute, settings.settle_seconds)
    if adopted := len(found) - len(plan):
        note(f"left out, for another program may have created them (adopted): {adopted}; --order takes them, too")
    older = sum(one.known not in SENT for one in plan)
    if older and not order:
        note(
            f"only looked at again in this time, so their purchases may be older (see `ledger`): {older};"
            " to spare these, name the others with --order"
        )
    if plan and not execute:
        note("Add --execute to do it, once the processors are stopped.")


def _retract_extra(order_ids: list[int], contact_ids: list[str], execute: bool, as_json: bool) -> None:
    settings = load_settings(need="processor")
    deleted = 0
    with KafkaReads(settings) as reads, open_apis(settings) as apis:
        plan = find_extra(reads, apis, list(dict.fromkeys(order_ids)), contact_ids)
        if execute:
            again = "not finished: run the same command again; what is deleted stays so"
            with unfinished(lambda: again), progress("deleted", len(plan)) as done:
                for index, one in enumerate(plan, 1):
                    deleted += _delete(apis.sales, one.event_id)
                    done(index)
    without = sorted(set(order_ids) - {one.order_id for one in plan})
    if as_json:
        print_json({"executed": execute, "purchases": plan, "deleted": deleted, "without": without})
        raise typer.Exit(1 if without else 0)
    table(
        ["order", "extra purchase", "of", "value", "kept"],
        [
            (one.order_id, one.event_id, f"{one.date:%Y-%m-%d %H:%M}" if one.date else "-", one.value, one.kept)
            for one in plan
        ],
    )
    line(
        _counts(deleted, len(plan) - deleted) if execute else f"would delete: {len(plan)} purchases; the ledger's stay"
    )
    if plan and not execute:
        note("Another program may have made them: does it still run? Add --execute to delete them.")
    if without:
        raise Refused(
            f"nothing extra was found of order {', '.join(map(str, without))}, at the contact that the ledger names and"
            " the order's e-mail; `bl2sm audit` says where it lies, --contact ID looks there, too"
        )


def _print(plan: Sequence[Retraction], result: RetractResult | None, execute: bool, settle: float) -> None:
    table(
        ["order", "purchase", "recorded", "ledger"],
        [(one.order_id, one.event_id, f"{one.delivered_at:%Y-%m-%d %H:%M:%S}", one.known) for one in plan],
    )
    if result is not None:
        line(f"{_counts(result.deleted, result.gone)}; start the processors")
    elif execute:
        line("deleted: 0, there is nothing to delete")
    else:
        line(f"would delete: {len(plan)} purchases")
        line(f"cost: {len(plan)} requests to SALESmanago, then {settle:.0f} s until none is listed; none to BaseLinker")


def _counts(deleted: int, gone: int) -> str:
    return f"deleted: {deleted}" + (f", not found: {gone}" if gone else "")


def _execute(settings: Settings, reads: KafkaReads, plan: Sequence[Retraction]) -> RetractResult:
    again = "not finished: run the same command again before the processors start; what is deleted stays so"
    reads.refuse_beside_processors()
    with open_apis(settings) as apis, unfinished(lambda: again):
        return execute_retract(reads, apis.sales, [one.order_id for one in plan])


def _delete(sales: SalesManago, event_id: str) -> bool:
    """Delete one event, tried again: deleting twice does no harm. False = SALESmanago did not find it."""
    try:
        for attempt in range(TRIES - 1):
            try:
                sales.delete_event(event_id)
                return True
            except (RetriableError, BackpressureError):
                time.sleep(2**attempt)
        sales.delete_event(event_id)
    except EventGone:
        return False
    return True
