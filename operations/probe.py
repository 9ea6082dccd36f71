"""`bl2sm probe`: finds out harmlessly which reading of the APIs is true, where docs/apis.md leaves it open.

At most 20 requests to BaseLinker. Nothing is written at SALESmanago unless `--write-as` names a test contact; the
events made for it are deleted again, the contact itself stays (API v2's client here has no call that deletes one).
The report holds counts and yes or no, nothing personal.
"""

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Annotated

import typer
from confluent_kafka import KafkaException

from clients import (
    ApiError,
    BaseLinker,
    Contact,
    EventGone,
    FatalError,
    Order,
    PurchaseEvent,
    RejectedError,
    SalesManago,
)
from operations.apis import UNKNOWN_CONTACT, open_apis, tell_pace
from operations.kafka_reads import KafkaReads
from operations.late_ids import late_ids, watch_end
from operations.options import AsJson
from operations.output import Refused, WrongUsage, command, line, note, print_json
from operations.probe_owners import account_lists, owners, read_lists
from processor.decide.rules import is_usable
from runtime.settings import load_settings
from schemas.codec import RegistryUnavailable

LOG_TYPES = (1, 2, 11, 16)
USUAL_REQUESTS, MOST_REQUESTS = 16, 20
LATE_SECONDS = 3.0  # between two readings at the least; at the tools' pace it is a minute and more
MANY_EVENTS = 12
LISTED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Fact:
    """One open question and what was seen; `answer` "not seen" where the account shows nothing that decides it."""

    question: str
    answer: str


def probe_baselinker(
    base: BaseLinker, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic
) -> Generator[Fact, None, None]:
    """Ask what decides the open readings; ApiError as BaseLinker fails."""
    page = base.journal(0, LOG_TYPES)
    ids = [row.log_id for row in page]
    yield Fact("journal entries on the first page", str(len(page)))
    yield Fact("journal in ascending order of log id", _yes(ids == sorted(ids)) if len(ids) > 1 else "not seen")
    if ids:
        again = [row.log_id for row in base.journal(ids[0], LOG_TYPES)]
        yield Fact("last_log_id itself comes back (inclusive)", _yes(ids[0] in again))
        longer = [row.log_id for row in base.journal(ids[0] - 1, LOG_TYPES)]
        yield Fact("the same question brings the same entries", _yes(set(ids) <= {*longer, *again}))
        yield Fact(
            "log ids between the first and last that are of other types or missing",
            str(ids[-1] - ids[0] + 1 - len(ids)),
        )
    else:
        yield Fact("last_log_id itself comes back (inclusive)", "not seen")
    watched, read_at = watch_end(base, page, LOG_TYPES, datetime.now(UTC)), clock()
    orders = base.orders(include_unconfirmed=True)
    numbers = [order.order_id for order in orders]
    yield Fact("orders on a page", str(len(orders)))
    yield Fact("orders in ascending order of id", _yes(numbers == sorted(numbers)) if len(numbers) > 1 else "not seen")
    if numbers:
        middle = sorted(numbers)[len(numbers) // 2]
        found = [order.order_id for order in base.orders(id_from=middle, include_unconfirmed=True)]
        yield Fact("id_from includes that order", _yes(middle in found))
        dates = [one.date_confirmed for one in base.orders(confirmed_from=datetime(2015, 1, 1, tzinfo=UTC))]
        known = [date for date in dates if date is not None]
        in_order = all(one <= other for one, other in pairwise(known))
        yield Fact("orders by confirmation come sorted by it", _yes(in_order) if len(known) > 1 else "not seen")
    yield from _phones(base, orders)
    sleep(max(0.0, read_at + LATE_SECONDS - clock()))
    late = late_ids(base, watched, LOG_TYPES)
    yield Fact("a log id turns up late, below a higher one", f"{late}, in {clock() - read_at:.0f} s")


def _phones(base: BaseLinker, orders: Sequence[Order]) -> Iterator[Fact]:
    """Which spellings of a phone find its order; at most 5 requests."""
    order = next((one for one in reversed(orders) if len(_digits(one.phone)) >= 9), None)
    if order is None:
        yield Fact("spellings of a phone that getOrdersByPhone finds", "not seen")
        return
    last = _digits(order.phone)[-9:]
    spellings = {
        "as typed": order.phone,
        "9 digits": last,
        "+48 and 9 digits": f"+48{last}",
        "48 and 9 digits": f"48{last}",
        "with spaces": f"{last[:3]} {last[3:6]} {last[6:]}",
    }
    found = [
        name
        for name, spelling in spellings.items()
        if any(one.order_id == order.order_id for one in base.orders_by_phone(spelling))
    ]
    yield Fact("spellings of a phone that getOrdersByPhone finds", ", ".join(found) or "none")


def probe_salesmanago(sales: SalesManago, reads: KafkaReads) -> Generator[Fact, None, None]:
    """Read only; Kafka is asked for the contact with the most purchases."""
    yield Fact("users that listByClient shows", str(len(sales.users())))
    yield Fact("an unknown contact in listById", f"{len(sales.contacts_by_id([UNKNOWN_CONTACT]))} cards")
    yield from (Fact(*one) for one in account_lists(sales))
    yield Fact("purchases of the contact with the most that are shown", _heaviest(sales, reads))


def _heaviest(sales: SalesManago, reads: KafkaReads) -> str:
    """How many of one contact's purchases its card shows, of those the ledger names."""
    try:
        named: dict[str, set[str]] = {}
        for one in reads.rows().values():
            if one.row.contact_id and one.row.event_id:
                named.setdefault(one.row.contact_id, set()).add(one.row.event_id)
    except (KafkaException, Refused, RegistryUnavailable):
        return "not seen: the ledger can't be read"
    if not named:
        return "not seen"
    contact_id = max(named, key=lambda one: len(named[one]))
    shown = {event.event_id for card in sales.contacts_by_id([contact_id]) for event in card.events}
    return f"{len(shown & named[contact_id])} of {len(named[contact_id])}"


def probe_writes(
    sales: SalesManago,
    email: str,
    location: str,
    owner: str,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Fact, None, None]:
    """Write to the test contact, look, and delete every event made; the last fact says how much was cleaned up."""
    made: list[str] = []
    many: list[str] = []
    now = datetime.now(UTC)

    def event(number: int, description: str = "") -> PurchaseEvent:
        return PurchaseEvent(f"bl2sm-probe-{number}", now, location, Decimal("0.00"), description=description)

    before = read_lists(sales, email)
    contact_id = sales.upsert_contact(Contact(email=email))
    try:
        yield Fact(
            "an event of an unknown contact", _refusal(lambda: made.append(sales.add_event(UNKNOWN_CONTACT, event(0))))
        )
        yield Fact(
            "a description of 3,000 characters",
            _refusal(lambda: made.append(sales.add_event(contact_id, event(1, "x" * 3000)))),
        )
        began = clock()
        for number in range(2, MANY_EVENTS + 2):
            many.append(sales.add_event(contact_id, event(number)))
            made.append(many[-1])
        while True:
            listed = {one.event_id for card in sales.contacts_by_id([contact_id]) for one in card.events}
            seen, seconds = len(listed & set(many)), clock() - began
            if seen == len(many) or seconds > LISTED_SECONDS:
                break
            sleep(1.0)
        yield Fact(f"of {len(many)} events contact/listById shows", f"{seen}, after {seconds:.0f} s")
        by_email = {one.event_id for card in sales.contacts_by_email([email]) for one in card.events}
        yield Fact(f"of {len(many)} events contact/list shows, asked by e-mail", str(len(by_email & set(many))))
        yield from (Fact(*one) for one in owners(before, read_lists(sales, email), owner))
    finally:
        ends = Counter(_delete(sales, event_id) for event_id in made)
        told = ", ".join(f"{count} {end}" for end, count in ends.items()) or "nothing to delete"
        note(f"cleaned up, of {len(made)} events: {told}; the contact stays, delete it in SALESmanago")
    yield Fact("a deleted event deleted again", _delete(sales, made[-1]))


@command
def probe(
    write_as: Annotated[
        str | None, typer.Option(help="E-mail of a test contact of yours: events are made for it, and deleted.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find out what the APIs' documentation leaves open, for a bug report. Example: bl2sm probe."""
    if write_as is not None and not is_usable(write_as):
        raise WrongUsage("--write-as: give the e-mail of a test contact")
    settings = load_settings(need="processor")
    tell_pace(settings, USUAL_REQUESTS)
    facts: list[Fact] = []
    with KafkaReads(settings) as reads, open_apis(settings, MOST_REQUESTS) as apis:
        parts = [probe_baselinker(apis.base), probe_salesmanago(apis.sales, reads)]
        if write_as is not None:
            parts.append(probe_writes(apis.sales, write_as, settings.salesmanago_location, settings.salesmanago_owner))
        failed = False
        for part in parts:
            try:
                with closing(part):  # an interruption cleans up at once, while SALESmanago can still be asked
                    for fact in part:
                        facts.append(fact)
                        if not as_json:
                            line(f"{fact.question}\t{fact.answer}")
            except FatalError:
                raise
            except ApiError as error:
                failed = True
                note(f"{error.api}: {error}; the rest of this part is left out")
        requests = apis.requests()
    if as_json:
        print_json({"facts": facts, "baselinker_requests": requests})
    else:
        line(f"requests to BaseLinker\t{requests}")
    raise typer.Exit(1 if failed else 0)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())


def _refusal(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except RejectedError as error:
        return f"refused ({type(error).__name__})"
    except FatalError:
        raise
    except ApiError as error:
        return f"failed ({type(error).__name__})"
    return "accepted"


def _delete(sales: SalesManago, event_id: str) -> str:
    """Delete an event, tried three times: `deleted` = SALESmanago reports success."""
    for _ in range(3):
        try:
            sales.delete_event(event_id)
            return "deleted"
        except EventGone:
            return "not found"
        except ApiError:
            time.sleep(1.0)
    return "failed"
