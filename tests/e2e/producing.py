"""A running producer, and what it published: for the tests beside."""

import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from typing import Any

from sandbox.remote import fetch_state
from schemas.codec import make_codec
from schemas.records import JournalEntry, Origin
from tests.faults.scenario import UP_TO_SECONDS, Scenario, read


def entries(scenario: Scenario) -> list[JournalEntry]:
    """Every committed entry of the journal topic."""
    codec = make_codec(scenario.topics, None)
    return [codec.decode(value or b"", JournalEntry) for *_, value, _ in read(scenario.kafka, scenario.topics.journal)]


def named(scenario: Scenario) -> Counter[int]:
    """How often each log id lies in the topic."""
    return Counter(entry.log_id for entry in entries(scenario) if entry.origin is Origin.JOURNAL)


def swept(scenario: Scenario) -> Counter[int]:
    """How often each order lies in the topic because a sweep found it."""
    return Counter(entry.order_id for entry in entries(scenario) if entry.origin is Origin.BACKFILL)


def wait_until(true: Callable[[], bool], what: str, *running: "subprocess.Popen[bytes]") -> None:
    """Wait, generously; an AssertionError says what did not come, or that a program ended."""
    until = time.monotonic() + UP_TO_SECONDS
    while not true():
        assert time.monotonic() < until, f"{what}: did not come"
        assert all(process.poll() is None for process in running), f"{what}: a program ended before"
        time.sleep(0.2)


def told(scenario: Scenario, name: str, text: str) -> Callable[[], bool]:
    """Whether a program's log has a text."""
    return lambda: text in scenario.tail(name, 100_000)


def requests(scenario: Scenario) -> Counter[str]:
    """What BaseLinker was asked."""
    return Counter(fetch_state(scenario.apis["BASELINKER_API_URL"])["requests"])


def purchases(scenario: Scenario) -> Counter[str]:
    """How many purchases each order has at SALESmanago."""
    return Counter(event["externalId"] for event in fetch_state(scenario.apis["SALESMANAGO_API_URL"])["events"])


def confirmed_at(seconds: int, ago: int = 0) -> dict[str, Any]:
    """An order's fields: made and confirmed then."""
    return {"date_add": seconds - ago, "date_confirmed": seconds - ago}


def page(port: int, path: str) -> tuple[int, str]:
    """What a program's HTTP port says."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except urllib.error.URLError:
        return 0, ""


def end(*running: "subprocess.Popen[bytes]") -> None:
    """End what still runs."""
    for process in running:
        process.kill()
        process.wait()
