"""Who is logged in: random ids known to this process alone, so that a restart logs everyone out."""

import hmac
import secrets
import threading
from dataclasses import dataclass, field

IDLE_SECONDS = 8 * 3600.0
MOST_SESSIONS = 1000


@dataclass(slots=True)
class Session:
    """One browser's. `name` = who signs changes; `csrf` stands in every form and is asked back."""

    id: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    logged_in: bool = False
    name: str = ""
    seen_at: float = 0.0
    notice: str = ""

    def fits(self, token: str) -> bool:
        """Whether a form's token is this session's."""
        return hmac.compare_digest(self.csrf.encode(), token.encode())

    def take_notice(self) -> str:
        """Return what is to be said once."""
        notice, self.notice = self.notice, ""
        return notice


class Sessions:
    """Thread-safe; `now` are monotonic seconds."""

    def __init__(self) -> None:
        self._known: dict[str, Session] = {}
        self._lock = threading.Lock()

    def find(self, session_id: str | None, now: float) -> Session | None:
        """Return a live session, kept alive by this."""
        with self._lock:
            session = self._known.get(session_id or "")
            if session is None:
                return None
            if now - session.seen_at > IDLE_SECONDS:
                del self._known[session.id]
                return None
            session.seen_at = now
            return session

    def alive(self, session_id: str, now: float) -> bool:
        """Whether it still is, without keeping it alive."""
        with self._lock:
            session = self._known.get(session_id)
            return session is not None and now - session.seen_at <= IDLE_SECONDS

    def begin(self, now: float, logged_in: bool = False, name: str = "") -> Session:
        """Make one; the longest unused of strangers, then of all, make room."""
        session = Session(logged_in=logged_in, name=name, seen_at=now)
        with self._lock:
            while len(self._known) >= MOST_SESSIONS:
                oldest = min(self._known.values(), key=lambda one: (one.logged_in, one.seen_at))
                del self._known[oldest.id]
            self._known[session.id] = session
        return session

    def end(self, session: Session) -> None:
        """Log out."""
        with self._lock:
            self._known.pop(session.id, None)
