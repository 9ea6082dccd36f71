"""The keys: where each comes from, and new ones tried before they are written into `.env`. They go nowhere else."""

import os
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from operations import env_file
from operations.init import check_owner, list_shops, try_credentials, try_token, unlisted
from operations.output import Refused
from runtime.environment import read_variables
from runtime.settings import SECRETS, SettingsError, load_settings

KEYS = (
    "BASELINKER_TOKEN", "SALESMANAGO_API_URL", "SALESMANAGO_CLIENT_ID", "SALESMANAGO_API_SECRET", "SALESMANAGO_OWNER",
    "SALESMANAGO_V3_API_KEY", "SALESMANAGO_LOCATION",
)  # fmt: skip
OF_SALES = frozenset(KEYS[1:5])
Origin = Literal["environment", "file", "env_file", "missing"]


@dataclass(frozen=True, slots=True)
class Key:
    """One of them. `value` "" for secrets: they are never told."""

    name: str
    origin: Origin
    secret: bool
    value: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """New values that were accepted, by name; `untried` = nobody could be asked about these.

    `not_one_of` = so many product catalogues were listed, and the e-shop is none of them: right if it is an XML feed.
    """

    names: tuple[str, ...]
    untried: tuple[str, ...] = ()
    not_one_of: int = 0


@dataclass(frozen=True, slots=True)
class Changed:
    """`written` into the file; `unwritable` = there is none to write; `held` = set elsewhere, change it there."""

    written: tuple[str, ...]
    unwritable: tuple[str, ...]
    held: tuple[str, ...]


def keys(file: Path) -> list[Key]:
    """Return where each comes from."""
    values = read_variables(os.environ, file, lambda name: name in SECRETS).values
    from_files = env_file.from_files(file)
    return [
        Key(name, _origin(name, values, from_files), name in SECRETS, "" if name in SECRETS else values.get(name, ""))
        for name in KEYS
    ]


def attempt(file: Path, new: Mapping[str, str]) -> Accepted:
    """Try new values, write nothing. ApiError, Refused or SettingsError where one is not accepted.

    The e-shop is compared only where the product catalogues can be listed (with a v3 key). Costs one request to
    BaseLinker where its token is new.
    """
    read = read_variables(os.environ, file, lambda name: name in SECRETS)
    if read.errors:
        raise SettingsError("\n".join(read.errors))
    if (
        read.values.get("SALESMANAGO_API_SECRET")
        and "SALESMANAGO_API_URL" in new
        and "SALESMANAGO_API_SECRET" not in new
    ):
        raise Refused(
            "give SALESMANAGO_API_SECRET with the new SALESMANAGO_API_URL: the one of now is for the old address"
        )
    # the values as they would be from the file: what the environment holds is told, and tried all the same
    settings = load_settings({**read.values, **new}, None, need="kafka")
    sales = KEYS[1:5]
    if OF_SALES & set(new) and (missing := [name for name in sales if not {**read.values, **new}.get(name)]):
        raise SettingsError(
            "\n".join(f"{name}: is missing; the four of SALESmanago are tried together" for name in missing)
        )
    if "BASELINKER_TOKEN" in new:
        try_token(settings)
    if OF_SALES & set(new):
        check_owner(settings.salesmanago_owner, try_credentials(settings))
    untried: tuple[str, ...] = ()
    not_one_of = 0
    if {"SALESMANAGO_V3_API_KEY", "SALESMANAGO_LOCATION"} & set(new):
        shops = list_shops(settings)
        if "SALESMANAGO_LOCATION" in new:
            not_one_of = len(shops) if unlisted(settings.salesmanago_location, shops) else 0
            untried = () if shops else ("SALESMANAGO_LOCATION",)
    return Accepted(tuple(name for name in new if name not in untried), untried, not_one_of)


def write(file: Path, new: Mapping[str, str]) -> Changed:
    """Write values that were tried into the file, but for those that are set elsewhere."""
    read = read_variables(os.environ, file, lambda name: name in SECRETS)
    from_files = env_file.from_files(file)
    held = tuple(name for name in new if _origin(name, read.values, from_files) in {"environment", "file"})
    values = {name: value for name, value in new.items() if name not in held}
    if not values:
        return Changed((), (), held)
    try:
        if not file.is_file():  # in a container: what is written here would be lost
            return Changed((), tuple(values), held)
        env_file.write(file, values)
    except Refused:
        return Changed((), tuple(values), held)
    return Changed(tuple(values), (), held)


def _origin(name: str, values: Mapping[str, str], from_files: Set[str]) -> Origin:
    process = {key.upper() for key, value in os.environ.items() if value.strip()}
    if name in process:
        return "environment"
    if name in from_files:
        return "file"
    return "env_file" if name in values else "missing"
