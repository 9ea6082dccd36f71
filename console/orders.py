"""Where is my order? Search by id or e-mail, and an order's story as `explain` tells it."""

from starlette.responses import Response

from clients import ApiError
from console import timeline
from console.acts import tell_revealed
from console.ids import read_id
from console.said import tell
from console.visit import Visit
from operations.addresses import read_addresses
from operations.explain import HIDDEN, fresh_read, purchase_due, read_story
from operations.find import LONGEST_EMAIL, orders_of
from processor.decide.rules import recipient
from processor.main import rule_settings


def page(visit: Visit) -> Response:
    """Show the search and the last orders."""
    return _list(visit)


def search(visit: Visit) -> Response:
    """Go to an order; for an e-mail ask BaseLinker which orders are the buyer's. It is kept nowhere."""
    asked = visit.given("asked")
    if (order := read_id(asked)) is not None:
        return visit.go(f"/orders/{order}")
    if "@" not in asked:
        return _list(visit, status=400, error=visit.words("orders.neither"))
    if len(asked) > LONGEST_EMAIL:
        return _list(visit, status=400, error=visit.words("orders.long_email", n=LONGEST_EMAIL))
    found = orders_of(visit.program.apis().base, asked)
    if len(found) == 1:
        return visit.go(f"/orders/{found[0].order_id}")
    return visit.page("found.html", title="orders", found=found)


def story(visit: Visit) -> Response:
    """Show what Kafka knows of an order; what BaseLinker says comes after."""
    order = int(visit.params["order"])
    with visit.program.reads() as reads:
        told = read_story(reads, order)
    kind, text = timeline.summary(told, visit.words)
    return visit.page(
        "order.html", title="order", story=told, kind=kind, summary=text, steps=timeline.steps(told, visit.words)
    )


def now(visit: Visit) -> Response:
    """Show the order as BaseLinker has it now, judged under today's rules; personal data hidden unless revealed.

    One that the program has never seen can be sent from here: only BaseLinker's answer says that it is there.
    """
    order, reveal = int(visit.params["order"]), visit.given("reveal") == "1"
    program = visit.program
    if reveal:
        tell_revealed(visit, order)
    with program.reads() as reads:
        told = read_story(reads, order)
    rules = rule_settings(program.effective())
    enriched = program.kept.read(program.apis().base, rules, order)
    fresh = fresh_read(enriched, purchase_due(told), told.row, rules, reveal)
    try:
        addresses = read_addresses(program.apis().sales, recipient(enriched, rules), told.row)
        lines = timeline.addresses(addresses, visit.words) if addresses is not None else []
    except ApiError as error:
        lines = [tell(error, visit.words).text]
    return visit.page(
        "now.html",
        title="order",
        order=order,
        known=enriched.order is not None,
        unseen=timeline.summary(told, visit.words)[0] == "unknown",
        fresh=fresh,
        rules=[
            (timeline.rule_name(one, visit.words), *timeline.rule_verdict(one, visit.words), one.stops)
            for one in fresh.rules
        ],
        would=visit.words(f"order.would_{fresh.fate}", order=order),
        addresses=lines,
        hidden=HIDDEN in str(fresh.payload),
        revealed=reveal,
    )


def _list(visit: Visit, status: int = 200, error: str = "") -> Response:
    seen = visit.program.look()
    return visit.page(
        "orders.html", status, title="orders", seen=seen, error=error, asked=visit.given("asked") if error else ""
    )
