"""The five settings: what holds and why, a look at what new ones would do with the last orders, saving, the history."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.responses import Response

from clients import ApiError
from console.said import changed_meanwhile, status, tell
from console.visit import Visit
from console.working import follow, found
from console.works import Work
from operations.credentials import keys
from operations.dry_run import Decision, count_orders, dry_run
from operations.init import source_tags, unlisted
from operations.live_settings import Current, Difference, Value, differences, effective, save_rules, to_save
from operations.output import Refused
from operations.topic_reads import KafkaAway
from processor.main import rule_settings
from runtime.settings import SettingsError
from runtime.settings_overlay import FIELDS, NAMES, merged, validated
from schemas.records import ShopSettings

LAST, SINCE = 100, timedelta(days=30)
SOURCES = ("none", "code", "name", "both")


@dataclass(slots=True)
class Tried:
    """What new settings would do. `rules` is what is saved; `last` = the row of the topic that was looked at.

    `wanted` = all values as they were given: saved where nothing changes here and they shall hold for all the same.
    `not_one_of` = so many product catalogues are listed, and a new e-shop is none of them.
    """

    rules: ShopSettings
    wanted: ShopSettings
    last: int
    differences: tuple[Difference, ...]
    not_one_of: int = 0
    orders: int = 0
    sent: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    tags: Counter[str] = field(default_factory=Counter)


def page(visit: Visit) -> Response:
    """Show what holds."""
    return _page(visit)


def sources(visit: Visit) -> Response:
    """Show which tags the shop's sources would give under the values in the form."""
    choice = visit.given("tag_order_source", "none")
    choice = choice if choice in SOURCES else "none"
    shown = source_tags(visit.program.sources(), visit.given("contact_tag"), choice)
    return visit.page("sources.html", title="settings", sources=shown)


def preview(visit: Visit) -> Response:
    """Try new values on the last orders; they are saved only after that."""
    current = visit.program.current()
    given = ShopSettings(
        contact_tag=visit.given("contact_tag"),
        location=visit.given("location_other") or visit.given("location"),
        tag_order_source=visit.given("tag_order_source", "none"),
        skip_shop_orders=visit.given("skip_shop_orders") == "true",
        changed_by=visit.signed,
        changed_at=datetime.now(UTC),
    )
    try:
        wanted = validated(given)
    except SettingsError as error:
        return _page(visit, status(error), given, error)
    unset = set(visit.values.get("unset", [])) & FIELDS.keys()
    rules = to_save(visit.program.settings, current, wanted, unset)
    tried = Tried(rules, wanted, current.last, differences(visit.program.settings, current, rules))
    tried.not_one_of = _not_one_of(visit, current, wanted)

    def job(work: Work) -> Tried:
        rules = rule_settings(merged(visit.program.settings, tried.rules))
        since = datetime.now(UTC) - SINCE
        with visit.program.reads() as reads:
            work.total = tried.orders = min(LAST, count_orders(reads, since))
            for decision in dry_run(reads, visit.program.apis().base, since, LAST, reveal=False, rules=rules):
                _count(tried, decision)
                work.step(work.done + 1)
        return tried

    return follow(visit, visit.program.works.start("preview", visit.session.id, tried, job))


def save(visit: Visit) -> Response:
    """Save what was tried; refused where somebody saved something else meanwhile."""
    work = found(visit, visit.given("work"), "preview")
    tried: Tried = work.given
    chosen = tried.rules if tried.differences else tried.wanted
    rules = replace(chosen, changed_by=visit.signed, changed_at=datetime.now(UTC))
    said = "settings.saved"
    try:
        save_rules(visit.program.settings, rules, expected=tried.last)
    except KafkaAway:
        raise
    except Refused as error:
        current = visit.program.current()
        if current.last == tried.last or differences(visit.program.settings, current, rules):
            raise changed_meanwhile(current, tried.last, error) from None
        said = "settings.saved_already"
    work.stopping = True
    return visit.go("/settings", visit.words(said))


def _page(
    visit: Visit, status: int = 200, typed: ShopSettings | None = None, error: Exception | None = None
) -> Response:
    """Show what holds; in the form stands what was typed, where that can't be taken."""
    current = visit.program.current()
    shops, why = _shops(visit)
    return visit.page(
        "settings.html",
        status,
        title="settings",
        values=(held := _held(visit, current)),
        typed={name: getattr(typed, field) if typed is not None else held[name].value for name, field in NAMES.items()},
        unset=visit.values.get("unset", []) if typed is not None else [],
        error=error,
        shops=shops,
        why=why,
        keys=keys(visit.program.env_file),
        choices=SOURCES,
        fields=NAMES,
        history=[change for change in reversed(current.history) if change.differences or change.unreadable],
    )


def _shops(visit: Visit) -> tuple[list[Any], str]:
    """The e-shops, or why they can't be listed."""
    try:
        return visit.program.shops(), ""
    except (ApiError, SettingsError) as error:
        return [], tell(error, visit.words).text


def _not_one_of(visit: Visit, current: Current, wanted: ShopSettings) -> int:
    """Return how many product catalogues are listed where a new e-shop is none of them; else 0."""
    shops = _shops(visit)[0]
    new = wanted.location != _held(visit, current)["SALESMANAGO_LOCATION"].value
    return len(shops) if new and unlisted(wanted.location or "", shops) else 0


def _held(visit: Visit, current: Current) -> dict[str, Value]:
    """The settings as the processors have them, by their variables' names."""
    return {value.name: value for value in effective(visit.program.settings, current)}


def _count(tried: Tried, decision: Decision) -> None:
    if decision.decision == "send":
        tried.sent += 1
        tried.tags.update(decision.tags)
    else:
        tried.skipped[str(decision.reason)] += 1
