"""What the programs tell of themselves, at /readyz and /metrics of their HTTP_PORT: each member of the groups is asked.

Only they know that they are paused, what they try again, how much of the budget is used, and their last error.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from clients import ApiError, Http
from runtime.group_members import Member
from runtime.kafka import port_of
from runtime.metrics import LAST_PURCHASES, UNLISTED_RELAYS

SECONDS = 2.0
MOST_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Target:
    """One program: `url` None = no address of its own is known. `named` = the operator gave it."""

    program: str
    member: str
    url: str | None
    named: bool = False


@dataclass(frozen=True, slots=True)
class LastError:
    """What went wrong last, why, and when; nothing personal is in it."""

    at: datetime
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class InCurrency:
    """How many of the last purchases came in a currency, and what becomes of their values (`Treatment`)."""

    currency: str
    treatment: str
    purchases: int


@dataclass(frozen=True, slots=True)
class Told:
    """What one program told; with `not_asked` (why nothing is known of it) all others are empty.

    `checks` are those of /readyz that are not ok; `share` is requests a minute; `unlisted_relays` are orders by domain.
    """

    program: str
    member: str
    url: str | None
    named: bool
    not_asked: str | None = None
    ready: bool | None = None
    checks: Mapping[str, str] | None = None
    paused: bool | None = None
    blocked: bool | None = None
    retrying: int | None = None
    requests_last_minute: int | None = None
    share: float | None = None
    last_error: LastError | None = None
    currencies: tuple[InCurrency, ...] = ()
    unlisted_relays: Mapping[str, int] | None = None


def targets(
    processors: Sequence[Member], producers: Sequence[Member], port: int | None, named: Iterable[str]
) -> list[Target]:
    """Return whom to ask: each member where its client id tells its port, else at `port`; each address once. Pure."""
    found: list[Target] = []
    known: set[str] = set()
    addresses = dict.fromkeys(url.rstrip("/") for url in named)
    for program, members in (("processor", processors), ("producer", producers)):
        for one in members:
            where = port_of(one.client_id) or port
            host = f"[{one.host}]" if ":" in one.host else one.host
            url = f"http://{host}:{where}" if where else None
            if url in known:
                url = None
            found.append(Target(program, f"{one.client_id}@{one.host}", url, url in addresses))
            known |= {url} if url else set()
    return found + [Target("program", url, url, named=True) for url in addresses if url not in known]


def ask(asked: Sequence[Target]) -> list[Told]:
    """Ask all of them side by side."""
    if not asked:
        return []
    with ThreadPoolExecutor(min(MOST_AT_ONCE, len(asked))) as pool:
        return list(pool.map(_ask, asked))


def _ask(target: Target) -> Told:
    if target.url is None:
        return _unknown(target, "no HTTP_PORT of its own is known here")
    http = Http("the program", SECONDS)
    try:
        ready = json.loads(http.get_json(f"{target.url}/readyz", {}).content)
        samples = _samples(http.get_json(f"{target.url}/metrics", {}).content.decode())
        return _told(target, ready, samples)
    except ApiError:
        return _unknown(target, f"{target.url} does not answer")
    except (ValueError, KeyError, TypeError, AttributeError):
        return _unknown(target, f"what answers at {target.url} is not this program")
    finally:
        http.close()


def _told(target: Target, ready: Mapping[str, Any], samples: Sequence[Sample]) -> Told:
    error, numbers = ready["last_error"], {one.name: one.value for one in samples if not one.labels}
    return Told(
        target.program,
        target.member,
        target.url,
        target.named,
        ready=bool(ready["ready"]),
        checks={str(name): str(state) for name, state in ready["checks"].items() if state != "ok"},
        paused=bool(numbers["bl2sm_paused"]),
        blocked=bool(numbers["bl2sm_baselinker_blocked"]),
        retrying=int(numbers["bl2sm_retrying_orders"]),
        requests_last_minute=int(numbers["bl2sm_baselinker_requests_last_minute"]),
        share=round(numbers["bl2sm_baselinker_share_per_minute"], 1),
        last_error=LastError(datetime.fromisoformat(error["at"]), str(error["what"]), str(error["why"]))
        if error
        else None,
        currencies=tuple(
            InCurrency(sample.labels["currency"], sample.labels["treatment"], int(sample.value))
            for sample in samples
            if sample.name == LAST_PURCHASES
        ),
        unlisted_relays={one.labels["domain"]: int(one.value) for one in samples if one.name == UNLISTED_RELAYS},
    )


def _unknown(target: Target, why: str) -> Told:
    return Told(target.program, target.member, target.url, target.named, not_asked=why)


def _samples(text: str) -> list[Sample]:
    """Return the metrics that have a number."""
    return [
        sample
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
        if math.isfinite(sample.value)
    ]
