"""What can go wrong at an API, by what to do about it.

ApiError
 ├─ FatalError          wrong token, secret or setting: stop until a person mends it
 ├─ RetriableError      no trustworthy answer: try again; `may_have_applied` = it may have taken effect all the same
 ├─ BackpressureError   not now: 429, blocked token, nobody listening; `retry_at` where known; `may_have_applied`
 │                      where only a status, not the API's own word, says that nothing was done
 ├─ RejectedError       this message can never succeed
 │   ├─ EventGone       the event to update is not there
 │   └─ ContactGone     the contact to write to is not there
 └─ CallUnavailable     this account can't use this one call: nothing is wrong with the key or the message
     ├─ CallRefused     the API refuses it
     └─ CallMissing     the API does not have it

Texts are safe for logs: no e-mail, phone number, token or secret.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

_MAIL = re.compile(r"[^\s@\"'<>,;:(){}\[\]]+@[^\s@\"'<>,;:(){}\[\]]+")
_DIGITS = re.compile(r"[+(]?\d[\d \-./()]{4,}\d")
_WORD = re.compile(r"[^\W_]+")
LONGEST_TEXT, LONGEST_READ = 200, 2000


class ApiError(Exception):
    """Any failed call."""

    def __init__(self, message: str, *, api: str, code: str = "") -> None:
        super().__init__(message)
        self.api = api
        self.code = code


class FatalError(ApiError):
    """Stop: credentials or settings are wrong."""


class RetriableError(ApiError):
    """Try again; look first where `may_have_applied`."""

    def __init__(self, message: str, *, api: str, code: str = "", may_have_applied: bool = True) -> None:
        super().__init__(message, api=api, code=code)
        self.may_have_applied = may_have_applied


class BackpressureError(ApiError):
    """Wait, until `retry_at` (aware UTC) where the API named a time."""

    def __init__(
        self,
        message: str,
        *,
        api: str,
        code: str = "",
        retry_at: datetime | None = None,
        may_have_applied: bool = False,
    ) -> None:
        super().__init__(message, api=api, code=code)
        self.retry_at = retry_at
        self.may_have_applied = may_have_applied


class RejectedError(ApiError):
    """This message can never succeed."""


class EventGone(RejectedError):
    """The event is not there any more."""


class ContactGone(RejectedError):
    """The contact is not there any more."""


class CallUnavailable(ApiError):
    """This account can't use this call."""


class CallRefused(CallUnavailable):
    """The API refuses the call to this account."""


class CallMissing(CallUnavailable):
    """The API does not have the call."""


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a server's words, printable, without anything that may be personal, nor these secrets."""
    if len(text) > LONGEST_READ:  # half an e-mail would not be seen as one: what is cut through goes whole
        text = text[:LONGEST_READ].rpartition(" ")[0]
    text = _MAIL.sub("…", text.replace("%40", "@"))
    for secret in filter(None, secrets):
        text = text.replace(secret, "…")
    text = _DIGITS.sub("…", text)
    return "".join(letter if letter.isprintable() else " " for letter in text)[:LONGEST_TEXT].strip()


def words_of(sent: Any) -> frozenset[str]:
    """Return every word of every text in a request, without case and accents: a refusal may repeat them."""
    if isinstance(sent, str):
        return frozenset(_plain(word) for word in _WORD.findall(sent))
    parts = sent.values() if isinstance(sent, Mapping) else sent if isinstance(sent, list | tuple) else ()
    return frozenset().union(*(words_of(part) for part in parts))


def without(text: str, words: frozenset[str]) -> str:
    """Return a text with these words left out."""
    return _WORD.sub(lambda found: "…" if _plain(found[0]) in words else found[0], text)


def _plain(word: str) -> str:
    letters = unicodedata.normalize("NFKD", word.casefold().translate(_NO_ACCENT))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


_NO_ACCENT = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})
