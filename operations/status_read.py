"""How a deployment stands: read from Kafka, and asked of each member's own /readyz and /metrics where it is reached."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from operations.cost import REQUESTS_PER_ORDER, processors_rate, seconds_at
from operations.endpoints import InCurrency, LastError, Told, ask, targets
from operations.group_reads import Position
from operations.in_force import pause_sentence
from operations.kafka_reads import KafkaReads
from operations.letter_reads import Letter
from operations.live_settings import read_from
from operations.output import age
from processor.decide.unlisted_relays import MOST_DOMAINS
from runtime.group_members import Member
from runtime.relay_domains import setting_with
from schemas.records import Cursor, Delivery, Outcome

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
JOURNAL_WARNING = timedelta(days=2)  # of the three that BaseLinker keeps
OLD_ENTRY, STANDING = timedelta(minutes=30), timedelta(minutes=5)
SWITCH = "switch"  # a processor's own check of what `paused_by` tells
PASSING = frozenset({"assignment", "leadership", "saved settings"})  # not ready for a moment at each rebalance
CheckKind = Literal["not_ready", "token_blocked", "broker_away", "journal_silent", "paused"]
ProblemKind = Literal[
    CheckKind, "switched_off", "processors_stopped", "producers_stopped", "no_leader", "unowned", "endpoint_away",
    "journal_unread", "journal_gap", "oldest_unfinished", "nothing_finished", "dead_letters",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: `kind` is stable, and an alarm's where that has one; `text` is the sentence, with the way out."""

    kind: ProblemKind
    text: str


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One partition: who owns it ("" = nobody), how far it is, until where it is replayed (0 = no replay)."""

    partition: int
    owner: str
    committed: int
    end: int
    lag: int
    replay_until: int


@dataclass(frozen=True, slots=True)
class Status:
    """All that is known of the deployment. `problems` are sentences; ages are seconds, None = not known.

    `paused_by` = who switched the processors off, since when and why, "" = nobody; entries that are replayed do not
    count for the oldest unfinished one. `retrying` and `requests_last_minute` are summed over the `programs` that
    answered, None where none did. `finished_seconds` = since an order had its outcome, None = not in the last
    day. `dead_orders` have the `dead_letters` that tell their order. `unlisted_relays` = orders by domain that looks
    like a marketplace's relay, as the processors saw them; `relay_setting` = the line of `.env` that adds them.
    `currencies` are those of the last 100 purchases of each processor that answered.
    """

    at: datetime
    group_id: str
    processors: tuple[Member, ...]
    producers: tuple[Member, ...]
    partitions: tuple[PartitionStatus, ...]
    programs: tuple[Told, ...]
    waiting: int
    eta_seconds: float | None
    oldest_unfinished_order: int | None
    oldest_unfinished_seconds: float | None
    last_log_id: int | None
    last_log_age_seconds: float | None
    journal_read_age_seconds: float | None
    last_hour: Mapping[str, int]
    last_day: Mapping[str, int]
    hours: tuple[tuple[datetime, Mapping[str, int]], ...]
    sending: int
    dead_letters: int
    dead_orders: int
    retrying: int | None
    last_error: LastError | None
    requests_last_minute: int | None
    requests_per_minute: int
    processors_requests_per_minute: float
    replaying: int
    gaps: int
    paused_by: str
    problems: tuple[str, ...]
    finished_seconds: float | None = None
    currencies: tuple[InCurrency, ...] = ()
    unlisted_relays: Mapping[str, int] = field(default_factory=dict)
    relay_setting: str = ""


def read_status(reads: KafkaReads, named: Iterable[str] = (), now: datetime | None = None) -> Status:
    """Read everything; asks neither API. `named` are addresses of programs to be asked beside the members'."""
    settings, now = reads.settings, now or datetime.now(UTC)
    positions = reads.positions()
    processors, producers = reads.processors(), reads.producers()
    programs = ask(targets(processors, producers, settings.http_port, named))
    cursor, last = reads.cursor(), reads.last_entry()
    oldest = reads.oldest_unfinished(positions)
    rows = [found.row for found in reads.rows(now - DAY).values()]
    letters = reads.letters()
    owners = {number: f"{one.client_id}@{one.host}" for one in processors for number in one.partitions}
    parts = tuple(_part(one, owners.get(one.partition, "")) for one in positions)
    waiting, replaying = reads.waiting(positions)
    rate = _rate(programs) or processors_rate(settings)
    found = Status(
        at=now,
        group_id=settings.group_id,
        processors=tuple(processors),
        producers=tuple(producers),
        partitions=parts,
        programs=tuple(programs),
        waiting=waiting,
        eta_seconds=seconds_at(rate, waiting * REQUESTS_PER_ORDER) if waiting and processors else None,
        oldest_unfinished_order=oldest.entry.order_id if oldest and oldest.entry else None,
        oldest_unfinished_seconds=(now - oldest.written_at).total_seconds() if oldest else None,
        last_log_id=max([*cursor.recent_log_ids, cursor.settled_log_id]) if cursor else None,
        last_log_age_seconds=(now - last.entry.logged_at).total_seconds() if last and last.entry else None,
        journal_read_age_seconds=(now - cursor.read_at).total_seconds() if cursor else None,
        last_hour=_counts([row for row in rows if row.delivered_at > now - HOUR]),
        last_day=_counts([row for row in rows if row.delivered_at > now - DAY]),
        hours=_hours(rows, now),
        sending=sum(row.outcome is Outcome.SENDING for row in rows),
        dead_letters=len(letters),
        dead_orders=len({letter.order_id for letter in letters if letter.order_id is not None}),
        retrying=_sum(one.retrying for one in programs),
        last_error=_last_error(programs, letters),
        requests_last_minute=_sum(one.requests_last_minute for one in programs),
        requests_per_minute=settings.baselinker_requests_per_minute,
        processors_requests_per_minute=processors_rate(settings),
        replaying=replaying,
        gaps=_open_gaps(positions, cursor),
        unlisted_relays=(relays := _unlisted_relays(programs)),
        relay_setting=setting_with(relays, settings.masked_email_domains) if relays else "",
        paused_by=pause_sentence(read_from(reads)),
        problems=(),
        finished_seconds=min(
            ((now - row.delivered_at).total_seconds() for row in rows if row.outcome is not Outcome.SENDING),
            default=None,
        ),
        currencies=_currencies(programs),
    )
    if standing(found):
        found = replace(found, eta_seconds=None)
    return replace(found, problems=tuple(one.text for one in problems(found)))


def _part(one: Position, owner: str) -> PartitionStatus:
    replaying = one.replay_until > max(0, one.committed)
    return PartitionStatus(one.partition, owner, one.committed, one.end, one.lag, one.replay_until if replaying else 0)


def _open_gaps(positions: list[Position], cursor: Cursor | None) -> int:
    """Gaps that the processors told and the producer has not closed yet."""
    closed = set(cursor.gaps_closed) if cursor is not None else set()
    told = [one.progress.gap for one in positions if one.progress is not None and one.progress.gap is not None]
    return sum(gap.gap_id not in closed for gap in told)


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _currencies(programs: Sequence[Told]) -> tuple[InCurrency, ...]:
    """The programs' counts together, the most frequent first."""
    found = Counter[tuple[str, str]]()
    for one in programs:
        found.update({(count.currency, count.treatment): count.purchases for count in one.currencies})
    return tuple(
        InCurrency(*labels, count) for labels, count in sorted(found.items(), key=lambda one: (-one[1], one[0]))
    )


def _unlisted_relays(programs: Sequence[Told]) -> dict[str, int]:
    """The most that any of them saw: several read the same orders."""
    found: Counter[str] = Counter()
    for one in programs:
        found |= Counter(one.unlisted_relays or {})
    return dict(found.most_common(MOST_DOMAINS))


def _last_error(programs: Sequence[Told], letters: Sequence[Letter]) -> LastError | None:
    """The newest of what the programs tell and of the dead letters."""
    told = [one.last_error for one in programs if one.last_error is not None]
    told += [LastError(one.why.time, f"dead letter {one.key}: {one.why.reason}", one.why.message) for one in letters]
    return max(told, key=lambda error: error.at, default=None)


def _rate(programs: Sequence[Told]) -> float:
    """What the processors allow themselves now: less after a block. 0 = not known."""
    return sum(one.share or 0.0 for one in programs if one.program == "processor")


def _counts(rows: list[Delivery]) -> dict[str, int]:
    found = Counter(f"{row.outcome}: {row.reason}" if row.reason else str(row.outcome) for row in rows)
    return dict(sorted(found.items()))


def _hours(rows: list[Delivery], now: datetime) -> tuple[tuple[datetime, Mapping[str, int]], ...]:
    """The last 24 hours, oldest first, each with its outcomes."""
    this = now.replace(minute=0, second=0, microsecond=0)
    by_hour: dict[datetime, list[Delivery]] = {this - HOUR * back: [] for back in range(23, -1, -1)}
    for row in rows:
        if (hour := row.delivered_at.replace(minute=0, second=0, microsecond=0)) in by_hour:
            by_hour[hour].append(row)
    return tuple((hour, Counter(str(row.outcome) for row in found)) for hour, found in by_hour.items())


def check_kind(check: str, one: Told) -> CheckKind:
    """Return what a check that is not ok means; "not_ready" = it passes by itself, as at each rebalance."""
    if check in PASSING:
        return "not_ready"
    if check == "BaseLinker" and one.blocked:
        return "token_blocked"
    others: dict[str, CheckKind] = {"broker": "broker_away", "commits": "broker_away", "journal": "journal_silent"}
    return others.get(check, "paused")


def letters_of(found: Status) -> str:
    """Return how many dead letters there are, and of how many orders: an order may have several."""
    of = f" of {found.dead_orders} orders" if found.dead_orders != found.dead_letters else ""
    return f"{found.dead_letters} dead letters{of}"


def problems(found: Status) -> list[Problem]:
    """Return what is wrong now; pure."""
    told = []
    if found.paused_by:
        told.append(Problem("switched_off", f"{found.paused_by}: `bl2sm resume` lets the processors go on"))
    told += _members(found)
    for one in found.programs:
        for name, state in ({} if one.ready else one.checks or {}).items():
            if name != SWITCH:
                told.append(Problem(check_kind(name, one), f"{one.program} {one.member}: {name}: {state}"))
        if one.named and one.not_asked:
            told.append(Problem("endpoint_away", one.not_asked))
    if found.journal_read_age_seconds is None:
        why = "BaseLinker's journal was never read: is a producer running, and the token right?"
        told.append(Problem("journal_unread", why))
    elif found.journal_read_age_seconds > JOURNAL_WARNING.total_seconds():
        read = age(found.journal_read_age_seconds)
        why = f"BaseLinker's journal was read {read} ago and keeps 3 days: start a producer now"
        told.append(Problem("journal_gap", why))
    if found.gaps:
        why = "entries expired before they were read; the producer brings their orders by date"
        told.append(Problem("journal_gap", why))
    if (found.oldest_unfinished_seconds or 0) > OLD_ENTRY.total_seconds():
        order = found.oldest_unfinished_order
        why = (
            f"the oldest unfinished entry (order {order}) waits for {age(found.oldest_unfinished_seconds)}:"
            f" see `bl2sm explain {order}` and the logs"
        )
        told.append(Problem("oldest_unfinished", why))
    elif standing(found):
        since = f"for {age(found.finished_seconds)}" if found.finished_seconds is not None else "in the last day"
        why = f"{found.waiting} entries wait and nothing was finished {since}: see the processors' logs and /readyz"
        told.append(Problem("nothing_finished", why))
    if found.dead_letters:
        why = f"{letters_of(found)} wait for you: see `bl2sm dead-letters list`"
        told.append(Problem("dead_letters", why))
    return told


def standing(found: Status) -> bool:
    """Whether entries wait while nothing is finished, and no program says why."""
    since = STANDING.total_seconds()
    waits = (found.oldest_unfinished_seconds or 0) > since and (
        found.finished_seconds is None or found.finished_seconds > since
    )
    said = found.paused_by or any(one.ready is False for one in found.programs)
    return bool(waits and found.processors and not said)


def _members(found: Status) -> list[Problem]:
    """Who is missing, or owns nothing."""
    told = []
    if not found.processors:
        why = "no processor is running: start one (`bl2sm process`, or the processor service)"
        told.append(Problem("processors_stopped", why))
    if not found.producers:
        why = "no producer is running: start one (`bl2sm produce`, or the producer service)"
        told.append(Problem("producers_stopped", why))
    elif not any(one.partitions for one in found.producers):
        told.append(Problem("no_leader", "no producer leads at the moment: if this stays so, look at their logs"))
    unowned = [part.partition for part in found.partitions if not part.owner]
    if found.processors and unowned:
        why = f"nobody owns partitions {unowned}: a rebalance is under way, or a processor cannot join"
        told.append(Problem("unowned", why))
    return told
