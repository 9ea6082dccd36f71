"""`bl2sm init`: asks for the five settings and the credentials, tries each answer on the spot, writes `.env`."""

import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from clients import ApiError, Catalog
from operations import env_file
from operations.apis import open_apis
from operations.currency_check import catalog_currency, mismatch
from operations.options import AsJson
from operations.output import Refused, command, line, note, print_json, sentence, table
from processor.decide.tags import tags_for
from runtime.environment import read_variables
from runtime.settings import LEAST_PASSWORD, REQUIRED, SECRETS, Settings, SettingsError, load_settings

ASKED = (
    "BASELINKER_TOKEN", "SALESMANAGO_API_URL", "SALESMANAGO_CLIENT_ID", "SALESMANAGO_API_SECRET", "SALESMANAGO_OWNER",
    "SALESMANAGO_V3_API_KEY", "SALESMANAGO_LOCATION", "SHOP_CURRENCY", "CONTACT_TAG", "TAG_ORDER_SOURCE",
    "SKIP_SHOP_ORDERS", "KAFKA_BOOTSTRAP_SERVERS", "CONSOLE_PASSWORD",
)  # fmt: skip
WRITTEN = (*ASKED, "BASELINKER_API_URL", "SALESMANAGO_V3_API_URL", "TOPIC_PREFIX", "START_FROM")
NEEDED = (*REQUIRED["all"], "KAFKA_BOOTSTRAP_SERVERS")
MAY_BE_EMPTY = frozenset({"SALESMANAGO_V3_API_KEY", "SHOP_CURRENCY", "CONTACT_TAG", "CONSOLE_PASSWORD"})
NONE = "-"
DEFAULTS = {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092", "TAG_ORDER_SOURCE": "false", "SKIP_SHOP_ORDERS": "false"}
TRIES = 5
BROKER_SECONDS = 2.0
HOSTED = (
    "Has SALESmanago's hosted BaseLinker integration been running for this account?"
    " Yes = START_FROM=latest: what it has sent is not sent again"
)
FROM_HOSTED = (
    "switch the hosted integration off first, then start a producer at once; what comes after that is in README, Coming"
    " from the hosted integration"
)


def try_token(settings: Settings) -> dict[str, dict[int, str]]:
    """Return the shop's order sources; ApiError when the token is refused. One request."""
    with open_apis(settings) as apis:
        return apis.base.order_sources()


def try_credentials(settings: Settings) -> list[str]:
    """Return the account's users; ApiError when the credentials are refused."""
    with open_apis(settings) as apis:
        return apis.sales.users()


def list_shops(settings: Settings) -> list[Catalog]:
    """Return the product catalogues; [] without a v3 key. ApiError when it is refused."""
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
        bool, typer.Option("--non-interactive", help="Ask nothing: take the answers from the environment.")
    ] = False,
    was_hosted: Annotated[
        bool | None,
        typer.Option(
            "--was-hosted/--never-hosted",
            help="Whether SALESmanago's hosted integration has been running for this account: sets START_FROM.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set everything up: each answer is tried on the spot. Example: bl2sm init."""
    env_file.check_writable(file)  # before anything is asked or typed in
    read = read_variables(os.environ, file, lambda name: name in SECRETS)
    if read.errors:
        raise SettingsError("\n".join(read.errors))
    given = dict(read.values)
    held = env_file.from_files(file)
    if was_hosted is not None:
        given["START_FROM"] = start_from(was_hosted)
    values = _given(given) if non_interactive else _ask(given, held)
    if was_hosted is None and not non_interactive:
        values["START_FROM"] = start_from(_ask_hosted(values.get("START_FROM", "")))
    if not any(map(_answers, values["KAFKA_BOOTSTRAP_SERVERS"].split(","))):
        note(f"nothing answers at {values['KAFKA_BOOTSTRAP_SERVERS']} yet: start Kafka before the programs")
    answers = {
        name: values.get(name, "")
        for name in WRITTEN
        if name not in held and (values.get(name) or name in given)  # what is emptied stays no more
    }
    env_file.write(file, answers)
    names = sorted(answers)
    if as_json:
        print_json({"file": str(file), "written": names})
    else:
        line(f"wrote {file}: {', '.join(names)}")
        note("next: `bl2sm topics`, `bl2sm check`, then start a producer and a processor")
        if answers.get("START_FROM", "").lower() == "latest":
            note(FROM_HOSTED)


def start_from(was_hosted: bool) -> str:
    """Return START_FROM: what another integration sent before the first start is not to be sent again."""
    return "latest" if was_hosted else "earliest"


def _ask_hosted(kept: str) -> bool:
    """Ask; the answer that START_FROM was kept from is offered."""
    return typer.confirm(HOSTED, default=kept.lower() == "latest", err=True)


def _given(given: dict[str, str]) -> dict[str, str]:
    settings = load_settings(given, None, need="all")

    def sales() -> None:
        check_owner(settings.salesmanago_owner, try_credentials(settings))

    def shop() -> None:
        shops = list_shops(settings)
        tell_unlisted(settings.salesmanago_location, shops)
        tell_mismatch(settings, shops)

    wrong = []
    for attempt in (
        lambda: try_token(settings),
        sales,
        shop,
        lambda: check_password(settings),
    ):
        try:
            attempt()
        except (ApiError, Refused) as error:
            wrong.append(sentence(error)[0])
    if wrong:
        raise Refused("\n".join(wrong))
    return given


def _ask(given: Mapping[str, str], held: frozenset[str]) -> dict[str, str]:
    if not sys.stdin.isatty():
        raise Refused("there is no terminal to ask on: use --non-interactive with the settings in the environment")
    unasked = {name: value for name, value in given.items() if name not in ASKED or name == "SHOP_CURRENCY"}
    _settings(unasked)  # what no answer can mend; EXCHANGE_RATES stand or fall with SHOP_CURRENCY
    wizard = _Wizard(dict(given), held)

    sources = wizard.until_right(("BASELINKER_TOKEN",), try_token)
    users = wizard.until_right(
        ("SALESMANAGO_API_URL", "SALESMANAGO_CLIENT_ID", "SALESMANAGO_API_SECRET"), try_credentials
    )
    wizard.until_right(("SALESMANAGO_OWNER",), lambda settings: check_owner(settings.salesmanago_owner, users))
    shops = wizard.until_right(("SALESMANAGO_V3_API_KEY",), list_shops)
    if shops:
        table(["product catalogue", "name", "currency"], [(shop.location, shop.name, shop.currency) for shop in shops])
    wizard.until_right(("SALESMANAGO_LOCATION",), lambda settings: tell_unlisted(settings.salesmanago_location, shops))
    offered = catalog_currency(wizard.values.get("SALESMANAGO_LOCATION", ""), shops)
    wizard.until_right(("SHOP_CURRENCY",), lambda settings: tell_mismatch(settings, shops), offered)
    shown = [row for choice in ("code", "name") for row in source_tags(sources, "", choice)]
    table(["source", "name", "tag with TAG_ORDER_SOURCE=code, then =name"], shown)
    for name in ("CONTACT_TAG", "TAG_ORDER_SOURCE", "SKIP_SHOP_ORDERS", "KAFKA_BOOTSTRAP_SERVERS", "CONSOLE_PASSWORD"):
        wizard.until_right((name,), check_password)
    return wizard.values


@dataclass(slots=True)
class _Wizard:
    """Asks; `held` come from files of their own and are not asked for."""

    values: dict[str, str]
    held: frozenset[str]

    def until_right(self, names: tuple[str, ...], attempt: Callable[[Settings], Any], offered: str = "") -> Any:
        """Ask for these until they are accepted; `offered` where nothing was given yet. Refused after some tries."""
        asked = [name for name in names if name not in self.held]
        before = {name: self.values[name] for name in asked if name in self.values}
        for _ in range(TRIES if asked else 1):
            for name in asked:
                self.values[name] = _prompt(name, self.values.get(name, DEFAULTS.get(name, offered)))
            if missing := [name for name in names if name in NEEDED and not self.values[name]]:
                note(f"not accepted: {missing[0]} is needed")
                self._put_back(asked, before)
                continue
            try:
                return attempt(_settings(self.values))
            except (ApiError, Refused, SettingsError) as error:
                note(f"not accepted: {error}")
                self._put_back(asked, before)
        raise Refused(f"{', '.join(names)}: not accepted; nothing was written")

    def _put_back(self, names: Sequence[str], before: Mapping[str, str]) -> None:
        """What was refused is not offered as an answer."""
        for name in names:
            self.values.pop(name, None)
        self.values |= before


def _prompt(name: str, default: str) -> str:
    secret, told = name in SECRETS, str(Settings.model_fields[name.lower()].description)
    if name in MAY_BE_EMPTY and (default or "none" not in told):
        told += f"; {NONE if default else 'empty'} = none"
    text = f"{name} ({told})" + (" [keep]" if default and secret else "")
    answer = str(typer.prompt(text, default=default, show_default=not secret, hide_input=secret, err=True)).strip()
    return "" if name in MAY_BE_EMPTY and answer == NONE else answer


def _settings(values: Mapping[str, str]) -> Settings:
    """Only what is asked so far; SettingsError for what is wrong in itself."""
    given = {name: value for name, value in values.items() if value}
    given.setdefault("KAFKA_BOOTSTRAP_SERVERS", DEFAULTS["KAFKA_BOOTSTRAP_SERVERS"])
    return load_settings(given, None, need="kafka")


def check_owner(owner: str, users: list[str]) -> None:
    """Refused where the owner is none of the account's users."""
    if users and owner.lower() not in {user.lower() for user in users}:
        raise Refused("SALESMANAGO_OWNER is no user of the account: give the e-mail of one of its users")


def unlisted(location: str, catalogs: Sequence[Catalog]) -> str:
    """Return what to report of an e-shop that is none of these product catalogues; "" where there is nothing to report.

    It is no error: SALESmanago lists no e-shop that is an XML feed.
    """
    places = [catalog.location for catalog in catalogs]
    if not places or location in places:
        return ""
    count = f"the {len(places)} product catalogues" if len(places) > 1 else "the product catalogues (1)"
    return f"SALESMANAGO_LOCATION is not one of {count}; that is fine if this e-shop is an XML feed"


def tell_unlisted(location: str, catalogs: Sequence[Catalog]) -> None:
    """Note on stderr what `unlisted` reports."""
    if text := unlisted(location, catalogs):
        note(text)


def tell_mismatch(settings: Settings, catalogs: Sequence[Catalog]) -> None:
    """Note on stderr that SHOP_CURRENCY is not the product catalogue's."""
    if text := mismatch(settings, catalogs):
        note(text)


def check_password(settings: Settings) -> None:
    """Refused where the console would refuse it; none is fine, as long as nobody else reaches the console."""
    password = settings.console_password.get_secret_value()
    if password and len(password) < LEAST_PASSWORD:
        raise Refused(f"CONSOLE_PASSWORD is shorter than {LEAST_PASSWORD} characters: give a longer one")


def _answers(server: str) -> bool:
    host, _, port = server.strip().rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), BROKER_SECONDS):
            return True
    except (OSError, ValueError):
        return False
