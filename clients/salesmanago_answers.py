"""What an answer of SALESmanago's means: its body, or the error it is (docs/apis.md, Requests and errors)."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from clients.errors import (
    ApiError,
    BackpressureError,
    CallMissing,
    CallRefused,
    ContactGone,
    EventGone,
    FatalError,
    RejectedError,
    RetriableError,
    clean,
    without,
    words_of,
)
from clients.http import Answer
from clients.parsing import as_bool, as_int, as_rows, as_text
from clients.retry_after import asks_to_wait, failed_itself, retry_after

API = "SALESmanago"
_WAIT = re.compile(r"\brate.?limit|\brequests? limit|\blimit of requests|too many (?:requests|calls|connections)")
_FAILED = re.compile(r"internal|try again|time(?:d )?.?out|unavailable|temporarily|overload|maintenance|deadlock")
_REFUSED = re.compile(
    r"authenticat|unauthor|access denied"
    r"|\b(?:invalid|wrong|bad|incorrect|unknown) (?:sha|api.?key|api.?secret|client.?id|credentials)\b"
)
_OWNER = re.compile(r"\bowner\b")
MEND = "check SALESMANAGO_CLIENT_ID, SALESMANAGO_API_SECRET and SALESMANAGO_API_URL (Integration Center → API v2)"


def read_answer(
    answer: Answer, now: datetime, secrets: Sequence[str] = (), sent: Mapping[str, Any] | None = None
) -> Mapping[str, Any] | ApiError:
    """Map one HTTP answer of API v2 to its body, or to the error it is. The only place that does.

    What was `sent` is left out of the error's text.

    Only a `success` that is false in so many words, and HTTP's own refusals, say that nothing was done.
    """
    body = body_of(answer)
    success = success_of(body)
    if asks_to_wait(answer) and success is not True:
        return BackpressureError(
            f"SALESmanago asks to wait (HTTP {answer.status})",
            api=API,
            retry_at=retry_after(answer, now),
            may_have_applied=True,
        )
    if not isinstance(body, Mapping) or success is None:
        if isinstance(body, Mapping) and answer.status in {401, 403}:
            return FatalError(f"SALESmanago refuses the credentials (HTTP {answer.status}): {MEND}", api=API)
        return RetriableError(
            f"the answer is not SALESmanago's JSON (HTTP {answer.status}); if it stays so, check SALESMANAGO_API_URL",
            api=API,
        )
    if success:
        return body if answer.status < 400 else RetriableError(f"HTTP {answer.status} with success", api=API)
    return _failure(answer, body, now, secrets, sent or {})


def read_account_list(
    answer: Answer, now: datetime, secrets: Sequence[str] = (), sent: Mapping[str, Any] | None = None
) -> Mapping[str, Any] | ApiError:
    """Map one HTTP answer to a call for the contacts of the whole account.

    The same credentials may read the owner's contacts: a refusal in any words concerns this call alone, not the key.
    A failure of the server, or of the way to it, is none.
    """
    found = read_answer(answer, now, secrets, sent)
    if not isinstance(found, ApiError) or isinstance(found, BackpressureError):
        return found
    body = body_of(answer)
    if success_of(body) is True:
        return found
    if failed_itself(answer):
        return RetriableError(f"SALESmanago failed (HTTP {answer.status})", api=API)
    if answer.status in {404, 405}:
        return CallMissing(f"SALESmanago has no account-wide list of contacts (HTTP {answer.status})", api=API)
    if answer.status in {401, 403} or isinstance(found, FatalError | RejectedError):
        text = clean(_message(body), secrets) if isinstance(body, Mapping) else ""
        said = without(text, words_of(sent or {})) or f"HTTP {answer.status}"
        return CallRefused(f"SALESmanago refuses the account-wide list of contacts ({said})", api=API)
    return found


def body_of(answer: Answer) -> Any:
    """The answer's JSON; None where it is none."""
    try:
        return json.loads(answer.content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None


def success_of(body: object) -> bool | None:
    """True or false as the answer says it; None where it says neither."""
    said = body.get("success") if isinstance(body, Mapping) else None
    if as_bool(said):
        return True
    no = said is False or (not isinstance(said, bool) and as_text(said).lower() in {"false", "0"})
    return False if no else None


def _failure(
    answer: Answer, body: Mapping[str, Any], now: datetime, secrets: Sequence[str], sent: Mapping[str, Any]
) -> ApiError:
    text = clean(_message(body), secrets)
    low = text.lower()  # without e-mails: a buyer's name must not decide what the failure is
    said = without(text, words_of(sent)) or "no reason given"
    if answer.status in {401, 403} or _REFUSED.search(low):
        return FatalError(f"SALESmanago refuses the credentials ({said}): {MEND}", api=API)
    if _WAIT.search(low):
        return BackpressureError(f"SALESmanago asks to wait ({said})", api=API, retry_at=retry_after(answer, now))
    if failed_itself(answer) or _FAILED.search(low):
        return RetriableError(f"SALESmanago failed ({said}, HTTP {answer.status})", api=API)
    missing = "not found" in low or "not exist" in low or "no such" in low or "unknown" in low
    if missing and "event" in low:
        return EventGone(f"the event is not in SALESmanago any more ({said})", api=API)
    if missing and "contact" in low:
        return ContactGone(f"the contact is not in SALESmanago ({said})", api=API)
    if _OWNER.search(low):
        return FatalError(f"SALESmanago refuses the owner ({said}): check SALESMANAGO_OWNER", api=API)
    return RejectedError(f"SALESmanago refuses this ({said})", api=API)


def _message(body: Mapping[str, Any]) -> str:
    messages = body.get("message")
    return "; ".join(as_text(part) for part in messages[:10]) if isinstance(messages, list) else as_text(messages)


def read_v3(answer: Answer) -> Mapping[str, Any] | ApiError:
    """Map one HTTP answer of API v3."""
    body = body_of(answer)
    if not isinstance(body, Mapping):
        return RetriableError(f"the v3 answer is not JSON (HTTP {answer.status})", api=API, may_have_applied=False)
    problems = [body, *as_rows(body.get("problems"))]
    codes = {as_int(problem.get("reasonCode")) for problem in problems}
    if 10 in codes or answer.status in {401, 403}:
        return FatalError("SALESmanago refuses the v3 key: check SALESMANAGO_V3_API_KEY", api=API, code="10")
    if answer.status >= 400:
        return RetriableError(f"the v3 API failed (HTTP {answer.status})", api=API, may_have_applied=False)
    return body
