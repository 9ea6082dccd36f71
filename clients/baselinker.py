"""BaseLinker's journal and orders (docs/apis.md). Every request takes its place with the pacer first."""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from clients.errors import ApiError, BackpressureError, FatalError, RejectedError, RetriableError, clean
from clients.http import Answer, Http
from clients.orders import JournalLog, Order, OrderSummary, parse_order
from clients.pacing import Pacer
from clients.parsing import as_int, as_map, as_rows, as_seconds, as_text
from clients.retry_after import asks_to_wait, clock_ahead, date_of, failed_itself, retry_after

API = "BaseLinker"
WARSAW = ZoneInfo("Europe/Warsaw")
BLOCK = timedelta(minutes=10)
LONGEST_BLOCK = timedelta(hours=24)
MINUTE = timedelta(minutes=1)
AFTER_BLOCK = timedelta(seconds=2)
CLOCKS_DIFFER = timedelta(minutes=5)
_UNTIL = re.compile(r"until\s+(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")
_BAD_TOKEN = {"ERROR_BAD_TOKEN", "ERROR_EMPTY_TOKEN", "ERROR_NO_TOKEN", "ERROR_AUTH_TOKEN", "ERROR_INVALID_TOKEN"}
_BLOCKED = {"ERROR_BLOCKED_TOKEN", "ERROR_RATE_LIMIT", "ERROR_QUERY_LIMIT", "ERROR_USER_ACCOUNT_BLOCKED"}


class BaseLinker:
    """Typed calls; ApiError's kinds as clients/errors.py draws them. `answers` counts the calls that were answered.

    `dated` = what time the last good answer's `Date` header told, and the monotonic seconds at which it did.
    """

    def __init__(
        self,
        http: Http,
        url: str,
        token: str,
        pacer: Pacer,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        counted: Callable[[str], None] = lambda method: None,
    ) -> None:
        self._http, self._url, self._token, self._pacer, self._now = http, url, token, pacer, now
        self._counted = counted
        self.answers = 0
        self.dated: tuple[datetime, float] | None = None

    def __repr__(self) -> str:
        return "BaseLinker(…)"

    def journal(
        self, last_log_id: int | None, log_types: Sequence[int], order_id: int | None = None
    ) -> list[JournalLog]:
        """Return entries from a log id on (whether it comes itself is open), in the order they came."""
        parameters = {"last_log_id": last_log_id, "logs_types": list(log_types), "order_id": order_id}
        logs = self._listed("getJournalList", parameters, "logs")
        return [
            JournalLog(
                as_int(row.get("log_id")) or as_int(row.get("id")),
                as_int(row.get("log_type")),
                as_int(row.get("order_id")),
                as_int(row.get("object_id")) or None,
                as_seconds(row.get("date")),
            )
            for row in logs
        ]

    def orders(
        self,
        *,
        order_id: int | None = None,
        id_from: int | None = None,
        confirmed_from: datetime | None = None,
        date_from: datetime | None = None,
        include_unconfirmed: bool = False,
        email: str | None = None,
    ) -> list[Order]:
        """Return at most 100 orders of one id or buyer's e-mail (≤ 50 characters), or from an id or time on."""
        parameters = {
            "order_id": order_id,
            "id_from": id_from,
            "date_confirmed_from": int(confirmed_from.timestamp()) if confirmed_from else None,
            "date_from": int(date_from.timestamp()) if date_from else None,
            "get_unconfirmed_orders": True if include_unconfirmed else None,
            "filter_email": email,
        }
        found = self._listed("getOrders", parameters, "orders")
        return [order for row in found if (order := parse_order(row)) is not None]

    def orders_by_phone(self, phone: str) -> list[OrderSummary]:
        """Return the orders BaseLinker finds under a phone number; its matching rule is not documented."""
        found = self._listed("getOrdersByPhone", {"phone": phone}, "orders")
        return [
            OrderSummary(as_int(row.get("order_id")), as_seconds(row.get("date_add")))
            for row in found
            if as_int(row.get("order_id")) > 0
        ]

    def order_sources(self) -> dict[str, dict[int, str]]:
        """Return group code → source id → name."""
        sources = as_map(self._found("getOrderSources", {}, "sources"))
        return {
            str(code): {as_int(key): as_text(name) for key, name in as_map(group).items()}
            for code, group in sources.items()
        }

    def _listed(self, method: str, parameters: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
        return as_rows(self._found(method, parameters, name))

    def _found(self, method: str, parameters: Mapping[str, Any], name: str) -> Any:
        """Return what was asked for; an answer that does not name it is no proof that there is nothing."""
        body = self._call(method, parameters)
        if name not in body or not isinstance(body[name], list | Mapping | None):
            raise RetriableError(f"the answer says success but lists no {name}", api=API, may_have_applied=False)
        self.answers += 1
        return body[name]

    def _call(self, method: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        self._pacer.take()
        self._counted(method)
        given = {name: value for name, value in parameters.items() if value is not None}
        fields = {"method": method, "parameters": json.dumps(given)}
        answer = self._http.post_form(self._url, fields, {"X-BLToken": self._token})
        body = read_answer(answer, self._now(), (self._token,))
        if isinstance(body, ApiError):
            if isinstance(body, BackpressureError) and body.retry_at is not None:
                self._pacer.block_until(body.retry_at)
            raise body
        self.dated = _dated(answer) or self.dated
        return body


def read_answer(answer: Answer, now: datetime, secrets: Sequence[str] = ()) -> Mapping[str, Any] | ApiError:
    """Map one HTTP answer to its body, or to the error it is. The only place that does."""
    try:
        body = json.loads(answer.content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        body = None
    found: Mapping[str, Any] = body if isinstance(body, Mapping) and "status" in body else {}
    fine = as_text(found.get("status")).upper() == "SUCCESS"
    if fine and answer.status < 400:
        return found
    code, message = as_text(found.get("error_code")), as_text(found.get("error_message"))
    said = clean(code, secrets)
    if code in _BLOCKED or "query limit exceeded" in message.lower() or "blocked until" in message.lower():
        end = _block_end(message, answer, now) or retry_after(answer, now) or now + BLOCK
        return BackpressureError("the token is blocked: query limit exceeded", api=API, code=said, retry_at=end)
    if asks_to_wait(answer):
        return BackpressureError(
            f"BaseLinker asks to wait (HTTP {answer.status})",
            api=API,
            retry_at=retry_after(answer, now) or now + MINUTE,
        )
    if not found:
        return RetriableError(
            f"the answer is not BaseLinker's JSON (HTTP {answer.status}); if it stays so, check BASELINKER_API_URL",
            api=API,
            may_have_applied=False,
        )
    if code in _BAD_TOKEN:
        return FatalError(
            f"BaseLinker refuses the token ({code}): check BASELINKER_TOKEN (BaseLinker → My account → API)",
            api=API,
            code=code,
        )
    if fine or failed_itself(answer):
        return RetriableError(f"BaseLinker failed ({said}, HTTP {answer.status})", api=API, may_have_applied=False)
    if code in {"ERROR_UNKNOWN_METHOD", "ERROR_PARSE_JSON_PARAMETERS"} or not code:
        return RetriableError(f"BaseLinker did not understand the request ({code})", api=API, may_have_applied=False)
    if answer.status in {401, 403} or "token" in code.lower() or "token" in message.lower():
        return FatalError(f"BaseLinker refuses the token ({said}): check BASELINKER_TOKEN", api=API, code=said)
    return RejectedError(f"BaseLinker refuses the request ({said}: {clean(message, secrets)})", api=API, code=said)


def _dated(answer: Answer) -> tuple[datetime, float] | None:
    told = date_of(answer)
    return (told, time.monotonic()) if told is not None else None


def _block_end(message: str, answer: Answer, now: datetime) -> datetime | None:
    """The end that the message states, as our clock will show it; None where it states none."""
    ahead = clock_ahead(answer, now)
    end = _stated_end(message, now - ahead)
    return end + ahead if end is not None else None


def _stated_end(message: str, now: datetime) -> datetime | None:
    """The end that the message states, if it does. It names no zone: Warsaw's, else UTC.

    A zone misread must neither hammer nor sleep for a day: an end that lies in the past by both is a minute away.
    """
    found = _UNTIL.search(message)
    if found is None:
        return None
    try:
        stated = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return None
    if not now.year - 1 <= stated.year <= now.year + 1:
        return now + (MINUTE if stated.year < now.year else LONGEST_BLOCK)
    end = stated.replace(tzinfo=WARSAW, fold=1).astimezone(UTC) + AFTER_BLOCK
    if end < now - CLOCKS_DIFFER:
        end = stated.replace(tzinfo=UTC) + AFTER_BLOCK
    return min(end if end > now else now + MINUTE, now + LONGEST_BLOCK)
