"""`bl2sm check`: is everything set up? One line each, with the way to mend it; at most 5 requests to BaseLinker."""

import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import typer
from confluent_kafka import KafkaException

from clients import ApiError, CallUnavailable, Catalog, FatalError, Order, SalesManago
from operations.apis import UNKNOWN_CONTACT, Apis, open_apis, tell_pace
from operations.currency_check import check_currency
from operations.finding import Finding
from operations.in_force import findings, saved_over
from operations.init import unlisted
from operations.kafka_reads import KafkaReads
from operations.options import AsJson
from operations.output import Refused, age, command, line, print_json, sentence, waits
from operations.product_ids import product_ids
from operations.recent_orders import recent_orders
from operations.relay_check import check_relays
from operations.status_read import JOURNAL_WARNING
from operations.topic_reads import ANSWER_SECONDS
from processor.decide.mapping import date_of
from runtime.client_errors import describe
from runtime.settings import Settings, SettingsError, load_settings
from schemas.codec import DecodeError, RegistryUnavailable
from schemas.records import Cursor
from schemas.registry import Registry
from schemas.topics import TopicProblem, check_topics

LEAST_DISK_BYTES = 2**30
CLOCK_SECONDS = 60.0
LAG_WARNING = 10_000
JOURNAL_DAYS = timedelta(days=3)
TWO_WRITERS = (
    "if the hosted BaseLinker integration of SALESmanago is on for this account, switch it off: two writers at the same"
    " time can double a purchase, and nobody can see it from here; README, Coming from the hosted integration, has the"
    " steps"
)


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was looked at, and how many requests to BaseLinker it took."""

    findings: tuple[Finding, ...]
    baselinker_requests: int

    @property
    def fine(self) -> bool:
        """Whether nothing failed."""
        return all(one.state != "failed" for one in self.findings)


def run_checks(tell: Callable[[Finding], None] = lambda finding: None) -> Report:
    """Look at everything that can be looked at; `tell` hears each finding at once."""
    found: list[Finding] = []

    def add(finding: Finding) -> None:
        found.append(finding)
        tell(finding)

    requests = 0
    settings, problems = _settings()
    for problem in problems:
        add(problem)
    if settings is not None:
        add(Finding("settings", "ok", f"all there; topics {settings.topic_prefix}.*, group {settings.group_id}"))
    kafka = settings or _kafka_settings()
    if kafka is not None:
        for finding in check_kafka(kafka):
            add(finding)
    if settings is not None:
        tell_pace(settings, 2)
        with open_apis(settings) as apis:
            away = any(one.name == "broker" and one.state == "failed" for one in found)
            for finding in check_apis(settings if away else saved_over(settings), apis):
                add(finding)
            requests = apis.requests()
        add(Finding("two writers", "note", TWO_WRITERS))
    add(check_disk())
    return Report(tuple(found), requests)


def check_kafka(settings: Settings) -> Iterator[Finding]:
    """Broker, registry, topics, cursor, clock, lag."""
    with KafkaReads(settings) as reads:
        try:
            brokers = reads.admin.list_topics(timeout=ANSWER_SECONDS).brokers
        except KafkaException as error:
            yield Finding(
                "broker", "failed", f"{settings.kafka_bootstrap_servers} does not answer: {describe(error)}",
                "is Kafka running, and are KAFKA_BOOTSTRAP_SERVERS and the other KAFKA_* right?",
            )  # fmt: skip
            return
        yield Finding("broker", "ok", f"{len(brokers)} answer at {settings.kafka_bootstrap_servers}")
        yield _registry(settings)
        try:
            count = check_topics(reads.admin, reads.topics)
        except (TopicProblem, KafkaException) as error:
            mend = "`bl2sm topics` makes what is missing, and so does a producer when it starts"
            yield Finding("topics", "failed", sentence(error)[0].replace("\n", "; "), mend)
            return
        yield Finding("topics", "ok", f"all as they must be, {count} partitions")
        try:
            cursor = reads.cursor()
            yield _cursor(cursor, count)
            lag, _ = reads.waiting(reads.positions())
        except (KafkaException, DecodeError, RegistryUnavailable, Refused) as error:
            yield Finding("cursor", "failed", sentence(error)[0], "see docs/operations.md")
            return
        if lag > LAG_WARNING:
            yield Finding("lag", "warning", f"{lag} entries wait", "see `bl2sm status`: is a processor running?")
        else:
            yield Finding("lag", "ok", f"{lag} entries wait")
        yield from (Finding(*told) for told in findings(reads))


def check_apis(settings: Settings, apis: Apis) -> Iterator[Finding]:
    """Token, journal, credentials, owner, e-shop; the first refusal of BaseLinker ends its part."""
    began = datetime.now(UTC)
    orders: list[Order] = []
    try:
        logs = apis.base.journal(0, (1, 2, 11, 16))
        yield Finding("BaseLinker token", "ok", "accepted")
        if logs:
            yield Finding("BaseLinker journal", "ok", f"switched on, {len(logs)} entries on its first page")
        orders = recent_orders(apis.base, logs, began)
        if not logs:
            yield _empty_journal(orders, began)
    except ApiError as error:
        mend = "make a new token: BaseLinker → My account → API" if isinstance(error, FatalError) else "try again later"
        yield Finding("BaseLinker token", "failed", f"{error}{waits(error)}", mend)
    try:
        users = [user.lower() for user in apis.sales.users()]
        yield Finding("SALESmanago credentials", "ok", "accepted")
        if users and settings.salesmanago_owner.lower() not in users:
            yield Finding("SALESmanago owner", "failed", "SALESMANAGO_OWNER is no user of the account",
                          "give the e-mail of one of its users")  # fmt: skip
        yield _account_list(apis.sales)
    except ApiError as error:
        yield Finding("SALESmanago credentials", "failed", str(error),
                      "Integration Center → API → API v2: SALESMANAGO_CLIENT_ID, _API_SECRET, _API_URL")  # fmt: skip
    gap = apis.clock_gap()
    if gap is not None and abs(gap) > CLOCK_SECONDS:
        yield Finding("clock", "failed", f"this machine's clock is {abs(gap):.0f} s {'ahead' if gap > 0 else 'behind'}",
                      "switch time synchronisation on (NTP)")  # fmt: skip
    elif gap is not None:
        yield Finding("clock", "ok", "agrees with SALESmanago's")
    catalogs: list[Catalog] | None = None
    if settings.salesmanago_v3_api_key.get_secret_value():
        try:
            catalogs = apis.sales.catalogs()
            yield _e_shop(settings.salesmanago_location, catalogs)
        except ApiError as error:
            yield Finding("e-shop", "warning", str(error), "SALESMANAGO_V3_API_KEY is only needed for this list")
    else:
        yield Finding("e-shop", "ok", f"{settings.salesmanago_location}, not compared: no SALESMANAGO_V3_API_KEY")
    yield from check_orders(orders, catalogs, settings)


def check_orders(orders: Sequence[Order], catalogs: Sequence[Catalog] | None, settings: Settings) -> Iterator[Finding]:
    """What the last orders say of the settings; `catalogs` None = not known."""
    yield from check_currency(orders, catalogs, settings)
    yield from check_relays(orders, settings)
    yield from product_ids(orders, settings.product_id_field)


def check_disk() -> Finding:
    """Room for the processors' temporary ledger."""
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    text = f"{free / 2**30:.1f} GiB free in {folder}"
    if free < LEAST_DISK_BYTES:
        return Finding("disk", "failed", text, "the ledger's copy needs about 200 MB a million orders: make room")
    return Finding("disk", "ok", text)


@command
def check(as_json: AsJson = False) -> None:
    """Is everything set up right? Exit 1 if anything fails. Example: bl2sm check."""
    report = run_checks(_nothing if as_json else _print)
    if as_json:
        print_json(
            {"fine": report.fine, "findings": report.findings, "baselinker_requests": report.baselinker_requests}
        )
    raise typer.Exit(0 if report.fine else 1)


def _settings() -> tuple[Settings | None, list[Finding]]:
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            settings = load_settings(need="all")
        return settings, [Finding("settings", "warning", str(one.message)) for one in said]
    except SettingsError as error:
        lines = [part.partition(": ") for part in str(error).splitlines()]
        return None, [Finding(f"setting {name}", "failed", *_two(text)) for name, _, text in lines]


def _two(text: str) -> tuple[str, str]:
    wrong, _, mend = text.partition("; ")
    return wrong, mend


def _kafka_settings() -> Settings | None:
    try:
        return load_settings(need="kafka")
    except SettingsError:
        return None


def _registry(settings: Settings) -> Finding:
    if settings.schema_registry is None:
        return Finding("schema registry", "ok", "none is used (SCHEMA_REGISTRY_URL unset)")
    try:
        Registry(dict(settings.schema_registry)).schema(1)  # whether it knows this one does not matter
    except RegistryUnavailable as error:
        return Finding("schema registry", "failed", str(error), "check SCHEMA_REGISTRY_URL and its credentials")
    return Finding("schema registry", "ok", "answers")


def _empty_journal(orders: Sequence[Order], now: datetime) -> Finding:
    if any(date is not None and date >= now - JOURNAL_DAYS for date in map(date_of, orders)):
        return Finding(
            "BaseLinker journal", "failed", "empty, although orders were confirmed in the last 3 days",
            "switch the journal on: BaseLinker → My account → API",
        )  # fmt: skip
    return Finding("BaseLinker journal", "warning", "empty, and no order was confirmed in the last 3 days",
                   "is the journal switched on? BaseLinker → My account → API")  # fmt: skip


def _account_list(sales: SalesManago) -> Finding:
    """Whether contacts of the account's other users can be read; asked for one that does not exist."""
    name = "SALESmanago contacts"
    try:
        sales.account_contacts_by_id([UNKNOWN_CONTACT])
    except CallUnavailable as error:
        return Finding(
            name, "note", f"{error}: of a contact that is another user's alone, no purchase can be looked for, so none"
            " is created: such an order becomes a dead letter",
            "see docs/operations.md, \"Contacts of another user\"; with one user this does not matter",
        )  # fmt: skip
    except ApiError as error:
        return Finding(name, "warning", f"the account-wide list: {error}{waits(error)}", "try again later")
    return Finding(name, "ok", "those of the account's other users are shown, too")


def _e_shop(location: str, catalogs: Sequence[Catalog]) -> Finding:
    if text := unlisted(location, catalogs):
        return Finding("e-shop", "note", text, f"otherwise give one of {', '.join(one.location for one in catalogs)}")
    if catalogs:
        return Finding("e-shop", "ok", f"{location} is one of {len(catalogs)}")
    return Finding("e-shop", "ok", f"{location}, not compared: SALESmanago lists no product catalogue")


def _cursor(cursor: Cursor | None, count: int) -> Finding:
    if cursor is None:
        return Finding("cursor", "ok", "no producer has run yet")
    if cursor.journal_partitions != count:
        return Finding("cursor", "failed", f"the journal has {count} partitions and had {cursor.journal_partitions}",
                       "move to a new TOPIC_PREFIX")  # fmt: skip
    unread = datetime.now(UTC) - cursor.read_at
    text = f"BaseLinker's journal was read {age(unread.total_seconds())} ago"
    if unread > JOURNAL_WARNING:
        return Finding("cursor", "failed", text, "it keeps 3 days: start a producer now")
    return Finding("cursor", "ok", text)


def _nothing(_: Finding) -> None:
    return


def _print(finding: Finding) -> None:
    style = {"failed": "bold red", "warning": "yellow", "note": "cyan"}.get(finding.state, "green")
    mend = f" → {finding.mend}" if finding.mend else ""
    line(f"{finding.state:8}{finding.name}: {finding.text}{mend}", style)
