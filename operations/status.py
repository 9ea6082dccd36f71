"""`bl2sm status`: is it running, what waits and for how long, what became of the orders of the last hour and day."""

import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from rich.console import Console

from operations.endpoints import Told
from operations.kafka_reads import KafkaReads
from operations.output import Refused, age, command, line, note, print_json, sentence, table
from operations.relay_check import relay_fix, relay_text
from operations.status_read import Status, read_status
from runtime.settings import load_settings
from schemas.codec import RegistryUnavailable


@command
def status(
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every few seconds, until Ctrl-C.")] = False,
    seconds: Annotated[float, typer.Option(min=0.5, help="How often, with --watch.")] = 3.0,
    endpoint: Annotated[
        list[str] | None, typer.Option(help="A program's address, e.g. http://processor:8080; may be given often.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; with --watch a line each time.")] = False,
) -> None:
    """Is it running, what waits, what was delivered? Exit 1 when something is wrong. Example: bl2sm status --watch."""
    settings = load_settings(need="kafka")
    while True:
        try:
            with KafkaReads(settings) as reads:
                _look(reads, endpoint or (), watch, seconds, as_json)
        except (KafkaException, Refused, RegistryUnavailable) as error:
            if not watch:
                raise
            # and the readers are opened anew: some of Kafka's clients do not get over a broker's restart
            note(f"{datetime.now(UTC):%H:%M:%S}: {sentence(error)[0]}")
            time.sleep(seconds)


def _look(reads: KafkaReads, endpoints: Iterable[str], watch: bool, seconds: float, as_json: bool) -> None:
    """Show it, once or again and again."""
    while True:
        found = read_status(reads, endpoints)
        if watch and not as_json:
            Console().clear()
        if as_json:
            print_json(found)
        else:
            _print(found)
        if not watch:
            raise typer.Exit(1 if found.problems else 0)
        sys.stdout.flush()
        time.sleep(seconds)


def _print(found: Status) -> None:
    line(f"group {found.group_id} at {found.at:%Y-%m-%d %H:%M:%S} UTC")
    leader = next((one.host for one in found.producers if one.partitions), "nobody")
    line(f"processors {len(found.processors)}, producers {len(found.producers)} (leading: {leader})")
    eta = f", about {age(found.eta_seconds)} at the present budget" if found.eta_seconds else ""
    line(f"waiting entries {found.waiting}{eta}; oldest {age(found.oldest_unfinished_seconds)}")
    if found.replaying:
        line(f"replay under way: about {found.replaying} entries are applied again")
    line(_journal(found))
    used = "not known" if found.requests_last_minute is None else f"{found.requests_last_minute} in the last minute"
    line(
        f"BaseLinker requests: {used}, of {found.requests_per_minute} a minute in all,"
        f" {found.processors_requests_per_minute:.0f} for the processors"
    )
    retrying = "not known" if found.retrying is None else found.retrying
    line(f"being sent now {found.sending}, retrying {retrying}, dead letters {found.dead_letters}")
    if found.last_error:
        error = found.last_error
        line(f"last error, {error.at:%Y-%m-%d %H:%M:%S}: {error.what}{': ' if error.why else ''}{error.why}")
    line()
    if found.programs:
        table(["program", "member", "state", "retrying", "requests", "share"], map(_program, found.programs))
        line()
    table(
        ["partition", "owner", "committed", "end", "lag", "replay until"],
        [
            (p.partition, p.owner or "-", p.committed if p.committed >= 0 else "-", p.end, p.lag, p.replay_until or "-")
            for p in found.partitions
        ],
    )
    line()
    names = sorted({*found.last_hour, *found.last_day})
    table(
        ["outcome", "last hour", "last day"],
        [(name, found.last_hour.get(name, 0), found.last_day.get(name, 0)) for name in names],
    )
    for problem in found.problems:
        line(f"! {problem}", style="bold red")
    if found.unlisted_relays:
        text = relay_text(found.unlisted_relays, "the orders read lately")
        line(f"note: {text}; {relay_fix(found.relay_setting)}", style="yellow")


def _journal(found: Status) -> str:
    if found.last_log_id is None:
        return "journal: not read yet"
    logged = f", logged {age(found.last_log_age_seconds)} ago" if found.last_log_age_seconds is not None else ""
    read = age(found.journal_read_age_seconds)
    return f"journal: last log id {found.last_log_id or '-'}{logged}, read {read} ago or later"


def _program(one: Told) -> tuple[object, ...]:
    if one.not_asked:
        return one.program, one.member, f"not asked: {one.not_asked}", "-", "-", "-"
    wrong = "; ".join(f"{name}: {state}" for name, state in (one.checks or {}).items())
    state = "blocked" if one.blocked else "paused" if one.paused else "ready" if one.ready else "not ready"
    told = f"{state} ({wrong})" if wrong else state
    return one.program, one.member, told, one.retrying, one.requests_last_minute, one.share
