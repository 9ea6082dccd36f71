"""What is said, in Polish and English: texts by key from texts/*.toml, numbers, durations and plurals."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import escape

LANGUAGES = ("pl", "en")
FOLDER = Path(__file__).parent / "texts"
UNKNOWN = "en"


@cache
def catalog(language: str) -> Mapping[str, str]:
    """Return a language's texts, `section.name` → text."""
    with (FOLDER / f"{language}.toml").open("rb") as file:
        return dict(_flat(tomllib.load(file), ""))


def _flat(found: Mapping[str, Any], before: str) -> list[tuple[str, str]]:
    texts: list[tuple[str, str]] = []
    for name, value in found.items():
        texts += _flat(value, f"{before}{name}.") if isinstance(value, Mapping) else [(before + name, str(value))]
    return texts


def choose(cookie: str | None, accepted: str) -> str:
    """Return the language to speak: the cookie's, else the first of ours that the browser prefers, else English."""
    if cookie in LANGUAGES:
        return str(cookie)
    wanted = []
    for position, part in enumerate(accepted.split(",")[:20]):
        name, _, quality = part.strip().partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=") or 1)
        except ValueError:
            weight = 0.0
        wanted.append((-weight, position, name.strip().lower()[:2]))
    return next((name for _, _, name in sorted(wanted) if name in LANGUAGES), UNKNOWN)


class Words:
    """One language's voice."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = catalog(language)

    def __call__(self, key: str, /, **values: object) -> str:
        """Return a text, its {names} filled in; KeyError for a key that is not there.

        Where a value is markup already, so is the text, and its other values are escaped; a plain text is not.
        """
        text = self._texts[key]
        if any(hasattr(value, "__html__") for value in values.values()):
            return escape(text).format(**values)
        return text.format(**values) if values else text

    def of(self, section: str, code: object, /, **values: object) -> str:
        """Return the text of a code; the code itself where there is none."""
        key = f"{section}.{code}"
        return self(key, **values) if key in self._texts else str(code)

    def has(self, key: str) -> bool:
        """Whether there is such a text."""
        return key in self._texts

    def count(self, key: str, number: int) -> str:
        """Return a number with its noun in the right form."""
        return self(f"{key}.{plural(self.language, number)}", n=self.number(number))

    def entries_of(self, entries: int, orders: int) -> str:
        """Return how many orders, and how many entries they have where that is another number."""
        if not orders:
            return self.count("entries", entries)
        told = self.count("order_count", orders)
        return (
            told
            if orders == entries
            else self("failed.entries_of", orders=told, entries=self.count("entries", entries))
        )

    def number(self, value: float) -> str:
        """Return a number as people of this language write it."""
        digits = 0 if float(value).is_integer() else 1
        text = f"{value:,.{digits}f}"
        return text.replace(",", "\u00a0").replace(".", ",") if self.language == "pl" else text

    def age(self, seconds: float | None) -> str:
        """Return a duration for people."""
        if seconds is None:
            return "–"
        seconds = max(0.0, seconds)
        for unit, size, until in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800), ("d", 86_400, None)):
            if until is None or seconds < until:
                amount = seconds / size
                shown = round(amount, 1) if unit in {"h", "d"} else round(amount)
                return f"{self.number(shown)}\u00a0{self(f'unit.{unit}')}"
        raise AssertionError


def plural(language: str, number: int) -> str:
    """Return one, few or many: the form a noun takes after a number."""
    if language == "en":
        return "one" if number == 1 else "many"
    if number == 1:
        return "one"
    few = number % 10 in {2, 3, 4} and number % 100 not in {12, 13, 14}
    return "few" if few else "many"
