"""`bl2sm explain ORDER`: one order's story, from Kafka, the ledger and a fresh read: why it was sent or not."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer

from clients import ApiError, BaseLinker
from operations.addresses import Addresses, lines, read_addresses
from operations.apis import open_apis, tell_pace
from operations.dead_letters import LetterView, view
from operations.group_reads import Position
from operations.in_force import origin, shown
from operations.journal_reads import EntryAt
from operations.kafka_reads import KafkaReads
from operations.live_settings import Value, effective, read_from
from operations.options import AsJson
from operations.output import Refused, WrongUsage, command, json_ready, line, note, print_json, sentence, table
from processor.clock import boottime
from processor.decide.currency import Money
from processor.decide.explain import explain as judge
from processor.decide.rule_settings import rule_settings
from processor.decide.rules import Enriched, RuleSettings, Send, decide, money_judged, recipient
from processor.enrich.enricher import Enricher
from processor.job import PURCHASE_TYPES
from runtime.settings import load_settings
from runtime.settings_overlay import merged
from schemas.partitioner import partition_of
from schemas.records import Delivery, Origin, Outcome
from schemas.topics import order_key

HIDDEN = "***"
SHOWN_OF_CONTACT = frozenset({"country"})
USUAL_REQUESTS = 2
Fate = Literal["nothing", "retracted", "contact", "update", "gone", "create"]


@dataclass(frozen=True, slots=True)
class EntryView:
    """A journal entry of the order; `state` is done, waiting, or unreadable."""

    partition: int
    offset: int
    written_at: datetime
    log_id: int | None
    log_type: int | None
    origin: Origin | None
    logged_at: datetime | None
    state: str


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule's word; `stops` = the reason for which the order is skipped."""

    rule: str
    stops: str | None
    text: str


@dataclass(frozen=True, slots=True)
class FreshRead:
    """The order as BaseLinker has it now, under today's settings. `payload` has personal data hidden unless revealed.

    `fate` is what the processors would do with it now, `would` the same in a sentence; `money` None = no SHOP_CURRENCY,
    or neither a purchase is sent nor its currency the reason.
    """

    source: str
    confirmed: bool
    rules: tuple[RuleView, ...]
    decision: str
    fate: Fate
    would: str
    payload: Mapping[str, Any] | None
    money: Money | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """All that is known of an order. `row` None = the ledger has none; `now` None = offline, or BaseLinker failed.

    `addresses` None = the ledger names no contact, or they were not read.
    """

    order_id: int
    partition: int
    committed: int
    entries: tuple[EntryView, ...]
    row: Delivery | None
    dead_letters: tuple[LetterView, ...]
    summary: str
    now: FreshRead | None
    settings: tuple[Value, ...] = ()
    addresses: Addresses | None = None


def read_story(reads: KafkaReads, order_id: int) -> Story:
    """Read what Kafka knows."""
    if not 0 < order_id < 2**63:
        raise WrongUsage(f"{order_id} is no order id")
    number = partition_of(order_key(order_id), reads.partition_count())
    position = next(one for one in reads.positions() if one.partition == number)
    entries = reads.entries_of(order_id)
    row = reads.row(order_id)
    letters = [view(letter) for letter in reads.letters() if letter.order_id == order_id]
    shown = tuple(_entry(one, position) for one in entries)
    summary = _summary(shown, row, letters)
    return Story(order_id, number, position.committed, shown, row, tuple(letters), summary, None)


def read_order(base: BaseLinker, rules: RuleSettings, order_id: int) -> Enriched:
    """Read an order, and its buyer where the rules need him; ApiError as BaseLinker fails."""
    return Enricher(base, rules, boottime).enrich([order_id])[order_id]


def fresh_read(
    enriched: Enriched, purchase: bool, row: Delivery | None, rules: RuleSettings, reveal: bool
) -> FreshRead:
    """Judge an order as the processors would; pure."""
    order = enriched.order
    verdicts = tuple(
        RuleView(one.rule, str(one.stops) if one.stops is not None else None, one.text)
        for one in judge(enriched, purchase, rules)
    )
    verdict = decide(enriched, purchase, rules)
    source, confirmed = (order.order_source, order.confirmed) if order is not None else ("", False)
    money = money_judged(enriched, purchase, verdict, rules) if rules.currency.shop else None
    if not isinstance(verdict, Send):
        would = _would("nothing", row)
        return FreshRead(source, confirmed, verdicts, f"skip: {verdict.reason}", "nothing", would, None, money)
    payload = verdict.contact.to_json()
    if not reveal:
        payload["contact"] = hide(payload["contact"])
    if verdict.purchase is not None:
        payload["contactEvent"] = json_ready(verdict.purchase.to_json())
    fate = _fate(verdict, row)
    return FreshRead(source, confirmed, verdicts, "send", fate, _would(fate, row), payload, money)


def hide(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same fields with personal values hidden, however deep."""
    return {
        name: hide(value) if isinstance(value, Mapping) else value if name in SHOWN_OF_CONTACT else HIDDEN
        for name, value in fields.items()
    }


@command
def explain(
    order: Annotated[int, typer.Argument(help="The order's id in BaseLinker.")],
    offline: Annotated[
        bool, typer.Option("--offline", help="Only what Kafka knows: no request to BaseLinker.")
    ] = False,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show personal data in the payload.")] = False,
    as_json: AsJson = False,
) -> None:
    """Why was an order sent, or not? Its entries, its ledger row, today's rules and the exact payload.

    Example: bl2sm explain 12345678
    """
    settings = load_settings(need="kafka" if offline else "processor")
    failed: ApiError | None = None
    with KafkaReads(settings) as reads:
        story = read_story(reads, order)
        if not offline:
            current = read_from(reads)
            rules = rule_settings(merged(settings, current.rules))
            story = replace(story, settings=tuple(effective(settings, current)))
            tell_pace(settings, USUAL_REQUESTS)
            try:
                with open_apis(settings) as apis:
                    enriched = read_order(apis.base, rules, order)
                    if enriched.order is None and not _known(story):
                        raise Refused(
                            f"nothing is known of order {order}: BaseLinker does not know it, and no journal entry or"
                            " ledger row names it. Is it the id that BaseLinker shows, and the token of that account?"
                        )
                    story = replace(story, now=fresh_read(enriched, purchase_due(story), story.row, rules, reveal))
                    addresses = read_addresses(apis.sales, recipient(enriched, rules), story.row)
                    story = replace(story, addresses=addresses)
            except ApiError as error:
                if not _known(story):
                    raise
                failed = error
        elif not _known(story):
            raise Refused(f"Kafka knows nothing of order {order}: without --offline BaseLinker is asked, too")
    if as_json:
        print_json(story)
    else:
        _print(story)
    if failed is not None:
        known = "this is what Kafka knows" if story.now is None else "which address has what is not known"
        note(f"{known}; {sentence(failed)[0]}")
        raise typer.Exit(1)


def _known(story: Story) -> bool:
    return bool(story.entries) or story.row is not None


def purchase_due(story: Story) -> bool:
    """Whether a purchase belongs to the order, as far as entries and row say; yes for one that nobody named yet."""
    if story.row is not None and (story.row.purchase_due or story.row.event_id is not None):
        return True
    types = {entry.log_type for entry in story.entries}
    return not types or bool(types & PURCHASE_TYPES)


def _entry(found: EntryAt, position: Position) -> EntryView:
    state = "unreadable" if found.entry is None else "done" if found.offset < position.committed else "waiting"
    entry = found.entry
    if entry is None:
        return EntryView(found.partition, found.offset, found.written_at, None, None, None, None, state)
    return EntryView(
        found.partition,
        found.offset,
        found.written_at,
        entry.log_id or None,
        entry.log_type,
        entry.origin,
        entry.logged_at,
        state,
    )


def _summary(entries: tuple[EntryView, ...], row: Delivery | None, letters: list[LetterView]) -> str:
    waiting = sum(entry.state == "waiting" for entry in entries)
    if row is None:
        return "waits for a processor" if waiting else "was not judged yet" if entries else "no journal entry names it"
    when = f"{row.delivered_at:%Y-%m-%d %H:%M:%S} UTC"
    told = {
        Outcome.SENDING: f"is being sent since {when}",
        Outcome.DELIVERED: f"delivered {when} ({row.reason})",
        Outcome.SKIPPED: f"skipped {when}: {row.reason}",
        Outcome.DEAD: f"failed {when}: {row.reason}; see its dead letters"
        if letters
        else f"failed {when}: {row.reason}",
        Outcome.RETRACTED: f"its purchase was retracted {when}",
    }[row.outcome]
    if purchase_gone(row):
        told += "; its purchase is gone from SALESmanago: `retract` and then `replay` send it anew, nothing else"
    elif row.purchase_due and row.outcome is not Outcome.SENDING:
        told += "; a purchase is still due, any later entry that makes it sendable sends it"
    return f"{told}; {waiting} newer entries wait" if waiting else told


def purchase_gone(row: Delivery) -> bool:
    """Whether SALESmanago said at the last try that the order's purchase is not there any more."""
    return row.outcome is Outcome.DEAD and row.reason == "event_gone"


def _fate(verdict: Send, row: Delivery | None) -> Fate:
    if row is not None and row.outcome is Outcome.RETRACTED:
        return "retracted"
    if verdict.purchase is None:
        return "contact"
    if row is None or not row.event_id:
        return "create"
    return "gone" if purchase_gone(row) else "update"


def _would(fate: Fate, row: Delivery | None) -> str:
    event = row.event_id if row is not None else None
    anew = "only backfill or replay sends it anew, other entries bring the contact"
    return {
        "nothing": "nothing is sent",
        "retracted": f"its purchase was retracted: {anew}",
        "contact": "the contact is written, no purchase is due",
        "update": f"purchase {event} exists: it is updated if it changed, or by a replay, and never created again",
        "gone": f"purchase {event} is gone from SALESmanago: `retract` and then `replay` send it anew, nothing else",
        "create": "the purchase is created, unless SALESmanago shows one with this order's id",
    }[fate]


def _print(story: Story) -> None:
    line(f"order {story.order_id}: {story.summary}")
    at = f"the group is at offset {story.committed}" if story.committed >= 0 else "no processor was there yet"
    line(f"partition {story.partition}, {at}")
    line()
    table(
        ["offset", "state", "origin", "log id", "type", "logged", "published"],
        [
            (
                one.offset,
                one.state,
                one.origin or "-",
                one.log_id or "-",
                one.log_type or "-",
                _time(one.logged_at),
                _time(one.written_at),
            )
            for one in story.entries
        ],
    )
    if story.row is not None:
        line()
        for name, value in json_ready(story.row).items():
            line(f"ledger {name}\t{'-' if value is None else value}")
    for letter in story.dead_letters:
        line(f"dead letter {letter.key}\t{letter.reason}: {letter.message}")
    if story.now is None:
        return
    for text in lines(story.addresses) if story.addresses is not None else ():
        line(text)
    line()
    for value in story.settings:
        line(f"{value.name}\t{shown(value.value)}\t{origin(value)}")
    line()
    table(["rule", "verdict", "why"], [(one.rule, one.stops or "ok", one.text) for one in story.now.rules])
    line(f"decision now: {story.now.decision}; {story.now.would}")
    if story.now.payload is not None:
        print_json(story.now.payload)
        if HIDDEN in str(story.now.payload):
            note("personal data are hidden; --reveal shows them")


def _time(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if at is not None else "-"
