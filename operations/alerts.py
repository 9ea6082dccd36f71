"""Alarms for a shop without Prometheus: one JSON post per kind of trouble, told once until it is over.

`bl2sm alerts` watches from outside, so that it also tells of programs that do not run any more.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer
from confluent_kafka import KafkaException

from clients import ApiError, Http
from operations.endpoints import Told, ask, targets
from operations.kafka_reads import KafkaReads
from operations.output import Refused, WrongUsage, command, json_ready, line, note, print_json
from operations.status_read import JOURNAL_WARNING, OLD_ENTRY, SWITCH, Status, check_kind, letters_of, read_status
from runtime.client_errors import told_by
from runtime.settings import WHOLE_URL, Settings, load_settings
from schemas.codec import DecodeError, RegistryUnavailable

REPEAT_SECONDS = 6 * 3600.0
Kind = Literal[
    "processors_stopped", "producers_stopped", "switched_off", "paused", "token_blocked", "broker_away",
    "journal_silent", "journal_gap", "oldest_unfinished", "dead_letters", "endpoint_away", "unreadable", "test",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Alarm:
    """One trouble. `kind` is stable, for the receiver's own rules; nothing personal is in the text."""

    kind: Kind
    text: str


def alarms(found: Status) -> list[Alarm]:
    """Return what is wrong now; pure."""
    told = []
    if not found.processors:
        told.append(Alarm("processors_stopped", "no processor is running"))
    if not found.producers:
        told.append(Alarm("producers_stopped", "no producer is running"))
    if found.paused_by:
        told.append(Alarm("switched_off", found.paused_by))
    if (found.journal_read_age_seconds or 0) > JOURNAL_WARNING.total_seconds():
        told.append(Alarm("journal_gap", "BaseLinker's journal keeps 3 days and was not read for more than 2"))
    if found.gaps:
        told.append(Alarm("journal_gap", "entries expired before they were read; the producer brings them by date"))
    if not found.paused_by and (found.oldest_unfinished_seconds or 0) > OLD_ENTRY.total_seconds():
        told.append(Alarm("oldest_unfinished", f"order {found.oldest_unfinished_order} waits for over half an hour"))
    if found.dead_letters:
        told.append(Alarm("dead_letters", f"{letters_of(found)} wait for a decision"))
    return told + told_alarms(found.programs)


def told_alarms(programs: Iterable[Told]) -> list[Alarm]:
    """Return what the programs tell of themselves: only they know that they are paused, or the token blocked. Pure."""
    told = []
    for one in programs:
        if one.not_asked is not None:
            if one.named:
                told.append(Alarm("endpoint_away", one.not_asked))
            continue
        for name, state in (one.checks or {}).items():
            kind = check_kind(name, one)
            if kind != "not_ready" and name != SWITCH:
                told.append(Alarm(kind, f"{one.program} {one.member}: {name}: {state}"))
    return told


class Teller:
    """Decides what is told: a kind when it begins, again after hours, and once when it is over. Pure."""

    def __init__(self) -> None:
        self._since: dict[Kind, float] = {}

    def due(self, now: float, found: Iterable[Alarm], known: bool = True) -> list[tuple[Alarm, bool]]:
        """Return alarms to be told, and whether each is over; nothing is where what goes on is not `known`."""
        current: dict[Kind, Alarm] = {}
        for alarm in found:
            before = f"{current[alarm.kind].text}; " if alarm.kind in current else ""
            current[alarm.kind] = Alarm(alarm.kind, f"{before}{alarm.text}")
        told = [
            (alarm, False)
            for kind, alarm in current.items()
            if kind not in self._since or now - self._since[kind] >= REPEAT_SECONDS
        ]
        told += [(Alarm(kind, "is over"), True) for kind in self._since if known and kind not in current]
        return told

    def told(self, now: float, alarm: Alarm, over: bool) -> None:
        """It was taken."""
        if over:
            self._since.pop(alarm.kind, None)
        else:
            self._since[alarm.kind] = now


def post(settings: Settings, alarm: Alarm, over: bool, now: datetime) -> None:
    """Send one; ApiError where nobody takes it."""
    url = settings.alert_webhook_url.get_secret_value()
    http = Http("the webhook", 15.0)
    body = {
        "source": "bl2sm",
        "deployment": settings.topic_prefix,
        "kind": alarm.kind,
        "state": "resolved" if over else "firing",
        "text": f"bl2sm {settings.topic_prefix}: {alarm.text}",
        "at": now,
    }
    try:
        answer = http.post_json(url, json_ready(body))
    finally:
        http.close()
    if answer.status >= 300:
        raise ApiError(f"answered HTTP {answer.status}: check ALERT_WEBHOOK_URL", api="the webhook")


@command
def alerts(
    test: Annotated[bool, typer.Option("--test", help="Post one test alarm and end.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Look once, tell all that is wrong, and end.")] = False,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(help="Also ask this program's HTTP_PORT, e.g. http://processor:8080; may be given often."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How often to look.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print each alarm as a line of JSON.")] = False,
) -> None:
    """Post alarms to ALERT_WEBHOOK_URL as JSON, from outside the programs, until Ctrl-C. Example: bl2sm alerts --test.

    Each kind of trouble is told when it begins, every six hours while it lasts, and when it is over.
    """
    settings = load_settings(need="kafka")
    if not settings.alert_webhook_url.get_secret_value():
        raise WrongUsage("ALERT_WEBHOOK_URL is not set: give the URL that takes JSON posts")
    if not WHOLE_URL.fullmatch(settings.alert_webhook_url.get_secret_value()):
        raise WrongUsage("ALERT_WEBHOOK_URL is no URL: give a whole one, like https://hooks.example.com/bl2sm")
    if test:
        post(settings, Alarm("test", "this is a test"), False, datetime.now(UTC))
        if as_json:
            print_json({"kind": "test", "taken": True})
        else:
            line("the webhook took it")
        return
    teller = Teller()
    while True:
        found, known = _look(settings, endpoint or ())
        _tell(settings, teller, found, known, as_json)
        if once:
            raise typer.Exit(1 if found else 0)
        time.sleep(seconds)


def _look(settings: Settings, endpoints: Sequence[str]) -> tuple[list[Alarm], bool]:
    """Look once, and say whether all could be seen; what keeps Kafka from being read is an alarm, and ends none."""
    try:
        with KafkaReads(settings) as reads:
            return alarms(read_status(reads, endpoints)), True
    except KafkaException as error:
        alarm = Alarm("broker_away", f"Kafka refuses or does not answer: {told_by(error)}")
    except Refused as error:
        alarm = Alarm("broker_away", str(error))
    except (DecodeError, RegistryUnavailable) as error:
        alarm = Alarm("unreadable", f"what lies in Kafka can't be read: {error}")
    return [alarm, *told_alarms(ask(targets((), (), None, endpoints)))], False


def _tell(
    settings: Settings,
    teller: Teller,
    found: list[Alarm],
    known: bool,
    as_json: bool,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    for alarm, over in teller.due(clock(), found, known):
        if as_json:
            print_json({"kind": alarm.kind, "over": over, "text": alarm.text})
        else:
            line(f"{'over' if over else 'alarm'}\t{alarm.kind}\t{alarm.text}")
        try:
            post(settings, alarm, over, datetime.now(UTC))
        except ApiError as error:
            note(f"{error.api}: {error}; trying again")
            continue
        teller.told(clock(), alarm, over)
