"""Every metric, declared once; each help text says what a high value means."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from runtime.last_currencies import LastCurrencies
from runtime.sliding_count import SlidingCount

UNLISTED_RELAYS, LAST_PURCHASES = "bl2sm_unlisted_relay_orders", "bl2sm_last_purchases"


class UnlistedRelays(Collector):
    """Orders by domain, asked for at each scrape."""

    def __init__(self) -> None:
        self.read: Callable[[], Mapping[str, int]] = dict

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the domains of now."""
        family = GaugeMetricFamily(
            UNLISTED_RELAYS,
            "Orders read lately with an address in a domain that looks like a marketplace's relay and is not in"
            " MASKED_EMAIL_DOMAINS; any = is it one? Then add it",
            labels=["domain"],
        )
        for domain, orders in self.read().items():
            family.add_metric([domain], orders)
        yield family


@dataclass(frozen=True, slots=True)
class Metrics:
    """All of the program's metrics on a registry of their own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    orders: Counter = field(init=False)
    dead_letters: Counter = field(init=False)
    oldest_unfinished: Gauge = field(init=False)
    lag: Gauge = field(init=False)
    parked: Gauge = field(init=False)
    retrying: Gauge = field(init=False)
    gaps: Counter = field(init=False)
    paused: Gauge = field(init=False)
    switched_off: Gauge = field(init=False)
    baselinker_requests: Counter = field(init=False)
    baselinker_recent: Gauge = field(init=False)
    baselinker_share: Gauge = field(init=False)
    baselinker_blocked: Gauge = field(init=False)
    salesmanago_requests: Counter = field(init=False)
    entries: Counter = field(init=False)
    journal_lag: Gauge = field(init=False)
    journal_silent: Gauge = field(init=False)
    leader: Gauge = field(init=False)
    delivery: Histogram = field(init=False)
    recent: SlidingCount = field(default_factory=SlidingCount)
    currencies: LastCurrencies = field(init=False)
    unlisted_relays: UnlistedRelays = field(default_factory=UnlistedRelays)

    def __post_init__(self) -> None:
        def make(name: str, metric: object) -> None:
            object.__setattr__(self, name, metric)

        where = self.registry
        make(
            "orders",
            Counter(
                "bl2sm_orders",
                "Orders finished; many skipped = the rules leave out much, many dead = look at the dead letters",
                ["outcome", "reason"],
                registry=where,
            ),
        )
        make(
            "dead_letters",
            Counter(
                "bl2sm_dead_letters", "Messages that can never succeed; any is worth a look", ["reason"], registry=where
            ),
        )
        make(
            "oldest_unfinished",
            Gauge(
                "bl2sm_oldest_unfinished_seconds",
                "Age of the oldest entry without an outcome; high = something is stuck",
                registry=where,
            ),
        )
        make(
            "lag",
            Gauge(
                "bl2sm_lag_entries",
                "Journal entries without an outcome, of the partitions this processor owns; rising = more comes than"
                " the budget and the APIs let through",
                ["partition"],
                registry=where,
            ),
        )
        make(
            "parked",
            Gauge(
                "bl2sm_parked_orders",
                "Orders that wait for a time: for another try, or until a create of before must show; many ="
                " SALESmanago fails or refuses",
                registry=where,
            ),
        )
        make(
            "retrying",
            Gauge(
                "bl2sm_retrying_orders",
                "Unfinished orders with a failed try; many = an API fails or refuses, see the last error at /readyz",
                registry=where,
            ),
        )
        make(
            "gaps",
            Counter(
                "bl2sm_journal_gaps",
                "Times that entries had expired before they were read; any = the processors were away for too long",
                registry=where,
            ),
        )
        make("paused", Gauge("bl2sm_paused", "1 = stopped until a person mends something", registry=where))
        make(
            "switched_off",
            Gauge("bl2sm_switched_off", "1 = a person paused it; orders wait until bl2sm resume", registry=where),
        )
        make(
            "baselinker_requests",
            Counter(
                "bl2sm_baselinker_requests",
                "Requests to BaseLinker; above the plan's limit (standard: 100 per minute) the token is blocked",
                ["method"],
                registry=where,
            ),
        )
        make(
            "baselinker_recent",
            Gauge(
                "bl2sm_baselinker_requests_last_minute",
                "Requests to BaseLinker in the last 60 s; near the share = the budget is what orders wait for",
                registry=where,
            ),
        )
        self.baselinker_recent.set_function(self.recent.count)
        make(
            "baselinker_share",
            Gauge(
                "bl2sm_baselinker_share_per_minute",
                "Requests a minute that this process may make now; low = few partitions, or a block was not long ago",
                registry=where,
            ),
        )
        make(
            "baselinker_blocked",
            Gauge(
                "bl2sm_baselinker_blocked",
                "1 = BaseLinker asked to wait (a blocked token: 10 minutes); often = who else uses the account?",
                registry=where,
            ),
        )
        make(
            "salesmanago_requests",
            Counter(
                "bl2sm_salesmanago_requests",
                "Requests to SALESmanago; many per order = much is tried again",
                ["path"],
                registry=where,
            ),
        )
        make(
            "entries",
            Counter(
                "bl2sm_journal_entries",
                "Entries published; many BACKFILL = the journal misses orders",
                ["origin"],
                registry=where,
            ),
        )
        make(
            "journal_lag",
            Gauge(
                "bl2sm_journal_lag_seconds",
                "Age of the leader's last complete look at the journal (not a number elsewhere); at 3 days it loses"
                " entries, and orders come by date",
                registry=where,
            ),
        )
        make(
            "journal_silent",
            Gauge(
                "bl2sm_journal_silent",
                "1 = orders are confirmed and the journal names none: is it switched on in BaseLinker?",
                registry=where,
            ),
        )
        make("leader", Gauge("bl2sm_producer_leader", "1 = this producer leads", registry=where))
        make(
            "delivery",
            Histogram(
                "bl2sm_delivery_seconds",
                "From an entry's arrival in the topic to its order's outcome; high = APIs slow or budget short",
                buckets=(0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800),
                registry=where,
            ),
        )
        where.register(self.unlisted_relays)

        last = Gauge(
            LAST_PURCHASES,
            "The last 100 purchases by currency and what becomes of the value; many unconverted = they count as if they"
            " were in the e-shop's currency: see SHOP_CURRENCY and EXCHANGE_RATES",
            ["currency", "treatment"],
            registry=where,
        )
        make("currencies", LastCurrencies(last))

    def asked_baselinker(self, method: str) -> None:
        """Count a request."""
        self.baselinker_requests.labels(method=method).inc()
        self.recent.add()

    def watch_budget(self, share: Callable[[], float], blocked: Callable[[], object]) -> None:
        """Show the share (requests a minute) and whether BaseLinker asked to wait, at each look."""
        self.baselinker_share.set_function(share)
        self.baselinker_blocked.set_function(lambda: float(bool(blocked())))
