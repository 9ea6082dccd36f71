"""`bl2sm init`: asks for the five settings and the credentials, tries each answer on the spot, writes `.env`."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from clients import ApiError, Catalog
from operations import env_file
from operations.apis import open_apis, tell_pace
from operations.output import Refused, command, line, note, print_json, table
from processor.tags import tags_for
from runtime.environment import read_variables
from runtime.settings import REQUIRED, SECRETS, Settings, SettingsError, load_settings

ASKED = (
    "BASELINKER_TOKEN", "SALESMANAGO_API_URL", "SALESMANAGO_CLIENT_ID", "SALESMANAGO_API_SECRET", "SALESMANAGO_OWNER",
    "SALESMANAGO_V3_API_KEY", "SALESMANAGO_LOCATION", "CONTACT_TAG", "TAG_ORDER_SOURCE", "SKIP_SHOP_ORDERS",
    "KAFKA_BOOTSTRAP_SERVERS",
)  # fmt: skip
NEEDED = (*REQUIRED["all"], "KAFKA_BOOTSTRAP_SERVERS")
DEFAULTS = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092", "TAG_ORDER_SOURCE": "false", "SKIP_SHOP_ORDERS": "false"}
TRIES = 5


def try_token(settings: Settings) -> dict[str, dict[int, str]]:
    """Return the shop's order sources; ApiError when the token is refused. One request."""
    with open_apis(settings) as apis:
        return apis.base.order_sources()


def try_credentials(settings: Settings) -> list[str]:
    """Return the account's users; ApiError when the credentials are refused."""
    with open_apis(settings) as apis:
        return apis.sales.users()


def list_shops(settings: Settings) -> list[Catalog]:
    """Return the e-shops; [] without a v3 key. ApiError when it is refused."""
    if not settings.salesmanago_v3_api_key.get_secret_value():
        return []
    with open_apis(settings) as apis:
        return apis.sales.catalogs()


def source_tags(sources: Mapping[str, Mapping[int, str]], contact_tag: str, choice: Any) -> list[tuple[str, str, str]]:
    """Return source code, name and the tags an order of it would bring; pure."""
    return [
        (code, name, ", ".join(tags_for(contact_tag, choice, code, number, sources)))
        for code, group in sources.items()
        for number, name in group.items()
    ]


@command
def init(
    file: Annotated[Path, typer.Option(help="The file to write.")] = Path(".env"),
    non_interactive: Annotated[
        bool, typer.Option("--non-interactive", help="Ask nothing: take all from the environment, try it, write it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Set everything up: each answer is tried on the spot. Example: bl2sm init."""
    read = read_variables(os.environ, file, lambda name: name in SECRETS)
    if read.errors:
        raise SettingsError("\n".join(read.errors))
    given = dict(read.values)
    answers = _given(given) if non_interactive else _ask(given)
    env_file.write(file, answers)
    names = sorted(answers)
    if as_json:
        print_json({"file": str(file), "written": names})
    else:
        line(f"wrote {file}: {', '.join(names)}")
        note("next: `bl2sm check`, then start a producer and a processor")


def _given(given: Mapping[str, str]) -> dict[str, str]:
    settings = load_settings(given, None, need="all")
    tell_pace(settings, 1)
    try_token(settings)
    users = try_credentials(settings)
    check_owner(settings.salesmanago_owner, users)
    shops = list_shops(settings)
    if shops and settings.salesmanago_location not in {shop.location for shop in shops}:
        raise Refused(
            f"SALESMANAGO_LOCATION is none of {', '.join(shop.location for shop in shops)}: give one of these"
        )
    from_files = {name for name in SECRETS if f"{name}_FILE" in {key.upper() for key in os.environ}}
    return {name: given[name] for name in given if name in _writable() and name not in from_files}


def _writable() -> set[str]:
    return {*ASKED, "BASELINKER_API_URL", "SALESMANAGO_V3_API_URL", "TOPIC_PREFIX"}


def _ask(given: dict[str, str]) -> dict[str, str]:
    if not sys.stdin.isatty():
        raise Refused("there is no terminal to ask on: use --non-interactive with the settings in the environment")
    values = dict(given)
    sources = _until_right(values, ("BASELINKER_TOKEN",), try_token)
    users = _until_right(
        values, ("SALESMANAGO_API_URL", "SALESMANAGO_CLIENT_ID", "SALESMANAGO_API_SECRET"), try_credentials
    )
    _until_right(values, ("SALESMANAGO_OWNER",), lambda settings: check_owner(settings.salesmanago_owner, users))
    shops = _until_right(values, ("SALESMANAGO_V3_API_KEY",), list_shops)
    if shops:
        table(["e-shop", "name", "currency"], [(shop.location, shop.name, shop.currency) for shop in shops])

    def shop_is_there(settings: Settings) -> None:
        if shops and settings.salesmanago_location not in {shop.location for shop in shops}:
            raise Refused("that is none of the e-shops above")

    _until_right(values, ("SALESMANAGO_LOCATION",), shop_is_there)
    shown = [row for choice in ("code", "name") for row in source_tags(sources, "", choice)]
    table(["source", "name", "tag with TAG_ORDER_SOURCE=code, then =name"], shown)
    _until_right(
        values, ("CONTACT_TAG", "TAG_ORDER_SOURCE", "SKIP_SHOP_ORDERS", "KAFKA_BOOTSTRAP_SERVERS"), lambda _: None
    )
    return {name: values[name] for name in ASKED if values.get(name)}


def _until_right(values: dict[str, str], names: tuple[str, ...], attempt: Callable[[Settings], Any]) -> Any:
    """Ask for these until they are accepted; Refused after some tries."""
    for _ in range(TRIES):
        for name in names:
            values[name] = _prompt(name, values.get(name, DEFAULTS.get(name, "")))
        try:
            settings = _settings(values)
            return attempt(settings)
        except (ApiError, Refused, SettingsError) as error:
            note(f"not accepted: {error}")
    raise Refused(f"{', '.join(names)}: not accepted {TRIES} times; nothing was written")


def _prompt(name: str, default: str) -> str:
    secret = name in SECRETS
    text = f"{name} ({Settings.model_fields[name.lower()].description})"
    if default and secret:
        text += " [keep]"
    answer = typer.prompt(text, default=default, show_default=not secret, hide_input=secret, err=True)
    return str(answer).strip()


def _settings(values: Mapping[str, str]) -> Settings:
    """Only what is asked so far; SettingsError for what is wrong in itself."""
    given = {name: value for name, value in values.items() if value}
    given.setdefault("KAFKA_BOOTSTRAP_SERVERS", DEFAULTS["KAFKA_BOOTSTRAP_SERVERS"])
    return load_settings(given, None, need="kafka")


def check_owner(owner: str, users: list[str]) -> None:
    """Refused where the owner is none of the account's users."""
    if users and owner.lower() not in {user.lower() for user in users}:
        raise Refused("SALESMANAGO_OWNER is no user of the account: give the e-mail of one of its users")
