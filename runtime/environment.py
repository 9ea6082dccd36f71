"""Reads variables from the process and `.env`: blank ones count as unset, secrets may come from `<NAME>_FILE`."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from dotenv import dotenv_values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LARGEST_SECRET = 64 * 1024


DEMO = "DEMO_SETTINGS_FILE"
_ACCOUNTS = ("BASELINKER_TOKEN", "SALESMANAGO_API_SECRET", "SALESMANAGO_CLIENT_ID")


@dataclass(slots=True)
class Variables:
    """Non-blank variables by upper-case name; `errors` are sentences that start with the variable's name.

    `demo` = no account was given, and a running sandbox's settings were taken instead.
    """

    values: dict[str, str] = field(default_factory=dict, repr=False)
    errors: list[str] = field(default_factory=list)
    demo: bool = False


def read_variables(
    environ: Mapping[str, str], env_file: str | Path | None, may_be_file: Callable[[str], bool]
) -> Variables:
    """Merge `.env` under the process's own environment, then replace `<NAME>_FILE` by the file's content.

    `may_be_file(NAME)` says which names may come from a file. Where nothing of any account is given, the file that
    DEMO_SETTINGS_FILE names goes over all of it, if it is there: a sandbox's settings are taken whole or not at all.
    """
    found = Variables()
    merged = _read_env_file(env_file, found) | {name.upper(): value for name, value in environ.items()}
    if not any(merged.get(name, "").strip() or merged.get(f"{name}_FILE", "").strip() for name in _ACCOUNTS):
        demo = _read_env_file(merged.get(DEMO), found)
        found.demo = bool(demo)
        merged |= demo
    values = {name: value.strip() for name, value in merged.items() if value.strip()}
    for name in sorted(values):
        target = name.removesuffix("_FILE")
        if target != name and may_be_file(target):
            path = values.pop(name)
            if target in values:
                found.errors.append(f"{target}: set both by itself and by {name}; keep one of them")
            else:
                _read_secret(target, name, Path(path), values, found)
    found.values = values
    return found


def _read_env_file(env_file: str | Path | None, found: Variables) -> dict[str, str]:
    path = Path(env_file) if env_file else None
    if path is None or not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        found.errors.append(f"{path.name}: can't be read ({_why(error)}); make it a readable UTF-8 text file")
        return {}
    read = dotenv_values(stream=StringIO(text), interpolate=False)
    return {name.upper(): value for name, value in read.items() if value is not None}


def _read_secret(target: str, name: str, path: Path, values: dict[str, str], found: Variables) -> None:
    try:
        with path.open(encoding="utf-8-sig") as file:
            value = file.read(_LARGEST_SECRET).strip()
    except (OSError, UnicodeDecodeError) as error:
        found.errors.append(
            f"{name}: the file it names can't be read ({_why(error)}); give the path of a readable text file"
        )
        return
    if not value:
        found.errors.append(f"{name}: the file it names is empty; write the value of {target} into it")
        return
    values[target] = value


def _why(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "it is not UTF-8"
