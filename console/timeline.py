"""An order's story as steps in time, from what `explain` reads; pure."""

from dataclasses import dataclass
from datetime import datetime

from console.words import Words
from operations.addresses import Addresses
from operations.explain import EntryView, RuleView, Story, purchase_gone
from schemas.records import Origin, Outcome


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened; `kind` sets its mark: seen, waiting, delivered, skipped, dead.

    `said` = a program's own sentence, in English.
    """

    at: datetime
    kind: str
    text: str
    detail: str
    said: str = ""


def steps(story: Story, words: Words) -> list[Step]:
    """Return what happened, oldest first."""
    found = [_entry(entry, words) for entry in story.entries]
    row = story.row
    if row is not None:
        kind = str(row.outcome)
        text = words(f"outcome.{row.outcome}_long")
        detail = words.of("reason", row.reason) if row.reason else ""
        if purchase_gone(row):
            detail = f"{detail}. {words('order.gone', order=story.order_id)}"
        elif row.purchase_due and row.outcome is not Outcome.SENDING:
            detail = f"{detail}. {words('order.due')}" if detail else words("order.due")
        found.append(Step(row.delivered_at, kind, text, detail))
    found += [
        Step(letter.time, "dead", words("order.letter"), words.of("reason", letter.reason), letter.message)
        for letter in story.dead_letters
    ]
    return sorted(found, key=lambda step: step.at)


def summary(story: Story, words: Words) -> tuple[str, str]:
    """Return the kind and the one sentence for the top of the page."""
    row = story.row
    waiting = sum(entry.state == "waiting" for entry in story.entries)
    if row is None:
        kind = "waiting" if waiting else "seen" if story.entries else "unknown"
        return kind, words(f"order.{kind}")
    text = words(f"outcome.{row.outcome}_long")
    if row.outcome in {Outcome.SKIPPED, Outcome.DEAD} and row.reason:
        text = f"{text}: {words.of('reason', row.reason)}"
    return str(row.outcome), f"{text}. {words('order.newer')}" if waiting else text


def addresses(found: Addresses, words: Words) -> list[str]:
    """Return which address has what, as `addresses.lines` says it."""
    if found.now:
        first = words(f"order.address_{'written' if found.written else 'unwritten'}", address=found.now)
    else:
        first = words("order.address_none")
    what = "purchase" if found.purchase else "contact"
    where = "earlier" if found.earlier else "same" if found.holder else "hidden"
    return [first, words(f"order.{what}_{where}", address=found.holder, contact=found.contact_id)]


def rule_name(rule: RuleView, words: Words) -> str:
    """Return a rule's question."""
    return words.of("rule", _code(rule))


def rule_verdict(rule: RuleView, words: Words) -> tuple[str, str]:
    """Return a rule's word, the reason that stops or what it found; or, second, its own sentence, in English."""
    if rule.stops is not None:
        return words.of("reason", rule.stops), ""
    key = f"rule_ok.{_code(rule)}"
    return (words(key), "") if words.has(key) else ("", rule.text)


def _code(rule: RuleView) -> str:
    return rule.rule.replace(" ", "_").replace("-", "_").lower()


def _entry(entry: EntryView, words: Words) -> Step:
    if entry.origin is None:
        return Step(entry.written_at, "seen", words("order.unreadable"), "")
    if entry.origin is Origin.JOURNAL:
        text = words.of("log_type", entry.log_type)
    else:
        text = words(f"order.origin_{entry.origin.lower()}")
    detail = words("order.entry_waits") if entry.state == "waiting" else ""
    return Step(entry.logged_at or entry.written_at, "waiting" if detail else "seen", text, detail)
