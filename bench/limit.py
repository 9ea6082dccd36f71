"""The real limit: 100 requests a minute and a block above, a budget of 80; minutes on a simulated clock."""

from typing import Any

from bench.charts import Bar, bars
from bench.limit_figures import BUDGET, LIMIT, SHARE, Kept
from bench.limit_simulated import backlog, one_by_one, simulate
from bench.report import Section, Table, say
from bench.setting import Setting
from bench.shop import Choice, make
from bench.standin import BaseLinkerSide

HEADS = (
    "backlog", "processors", "orders a minute", "share used", "requests per 1,000 orders", "fullest 60 s", "blocks",
)  # fmt: skip
SHAPES: dict[str, dict[str, Any]] = {
    "dense ids": {},
    "sparse ids": {"sparse": True},
    "one order in ten": {"scattered": 10},
}


def measure(setting: Setting) -> Section:
    """Simulate every case; let real processors go through some of them."""
    sizes = setting.sizes
    rows: list[tuple[str, ...]] = []
    shown: list[Bar] = []
    for shape, how in SHAPES.items():
        for allegro in sizes.limit_allegro:
            # no case passes more orders than this in its time
            orders = sizes.limit_orders // (1 if not allegro and shape != "one order in ten" else 3)
            warm_up = sizes.limit_warm_up_minutes * 60 if allegro else 0.0
            choice = Choice(orders, allegro, **how)
            name = f"{shape}, {allegro:.0%} Allegro"
            shop = make(choice, 1_800_000_000)
            side, entries = BaseLinkerSide(shop, 10**9, 0.0), backlog(shop.logs)
            cases = {
                f"{count}": simulate(side, entries, count, sizes.limit_minutes * 60, warm_up)
                for count in sizes.limit_processors
            }
            cases["one by one"] = one_by_one(side, shop.logs, sizes.limit_minutes * 60)
            rows += [row(name, label, kept) for label, kept in cases.items()]
            if shape == "dense ids":
                shown += [
                    Bar(f"{allegro:.0%} Allegro, {_called(label)}", kept.orders_a_minute, label != "one by one")
                    for label, kept in cases.items()
                ]
            say(f"limit: {name}: { {label: round(kept.requests_per_1000, 1) for label, kept in cases.items()} }")
    parts: list[Table | str] = [
        f"The limit is {LIMIT} requests a minute; the budget {BUDGET}, of which {SHARE:.0f} are the processors'. *One"
        " by one* spends the same share as most integrations do: a request for each order, for each Allegro buyer's"
        " phone and for each earlier order under it. Half of the Allegro buyers bought in the store before. *One order"
        " in ten*: the journal names every tenth order of the shop, so that a window brings little that is wanted.",
        f"Simulated, {sizes.limit_minutes:g} minutes: the program's own intake, batches, windows, cache and pacer on a"
        " simulated clock. A backlog with Allegro orders begins faster than it goes on: those that need no look-up go"
        f" first, until a processor holds nothing but look-ups. So it is measured after {sizes.limit_warm_up_minutes:g}"
        " minutes.",
        Table(HEADS, rows),
    ]
    chart = bars("Under the limit, dense ids", "orders a minute", shown)
    return Section("limit", "A backlog under BaseLinker's limit", parts, {"limit": chart})


def _called(label: str) -> str:
    return label if label == "one by one" else f"{label} processor{'s' * (label != '1')}"


def row(name: str, label: str, kept: Kept) -> tuple[str, ...]:
    """Return one line of the table."""
    return (
        name,
        label,
        f"{kept.orders_a_minute:,.0f}",
        f"{kept.share_used:.0%}",
        f"{kept.requests_per_1000:,.1f}",
        f"{kept.most_a_minute}",
        f"{kept.blocks}",
    )
