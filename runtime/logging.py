"""Logs: JSON or console on stderr, ids only; what looks like an e-mail or is a known secret is masked all the same."""

import logging
import re
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, Literal

import structlog

_MAIL = re.compile(r"[^\s@\"'<>,;:(){}\[\]]+@[^\s@\"'<>,;:(){}\[\]]+\.[^\s@\"'<>,;:(){}\[\]]+")

# Only numbers in international form: a bare run of digits is an order id, an offset or a time.
_PHONE = re.compile(r"(?<![\w:.+-])\+\d(?:[ -]?\d){7,14}(?!\d)")


class Mask:
    """Secrets, e-mails and international phone numbers never reach a line, wherever they come from."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted((secret for secret in secrets if len(secret) >= 6), key=len, reverse=True)

    def __call__(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Mask every text of the event, however deep."""
        for name, value in event.items():
            if not name.startswith("_"):
                event[name] = self._value(value)
        return event

    def _value(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {self._value(key): self._value(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(inner) for inner in value]
        return self.text(str(value))

    def text(self, text: str) -> str:
        """Return the text without secrets, e-mails and phone numbers."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = _MAIL.sub("***", text) if "@" in text else text
        return _PHONE.sub("***", text) if "+" in text else text


class ErrorNotes:
    """Notes every line that names an error or a reason, after masking, whatever level is shown."""

    def __init__(self, note: Callable[[str, str], None]) -> None:
        self._note = note

    def __call__(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Pass the event on as it is."""
        why = event.get("error") or event.get("why") or ""
        if why or event.get("level") in {"error", "critical"}:
            order = f" (order {event['order_id']})" if event.get("order_id") else ""
            self._note(f"{event.get('event', '')}{order}", str(why))
        return event


def configure_logging(
    level: str,
    log_format: Literal["json", "console"] | None,
    secrets: Iterable[str] = (),
    note_error: Callable[[str, str], None] = lambda what, why: None,
) -> None:
    """Set up structlog and the libraries' loggers; no format = console on a terminal, JSON elsewhere.

    `note_error` is given what went wrong and why, of every line that has it.
    """
    console = log_format == "console" or (log_format is None and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        Mask(secrets),
        ErrorNotes(note_error),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Any = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, Mask(secrets), renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpcore", "httpx2", "httpcore2", "urllib3", "confluent_kafka"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
