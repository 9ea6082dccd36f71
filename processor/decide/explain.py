"""Why an order is sent or not, rule by rule: the very verdicts that decide, and then what would be sent.

Nothing personal is in the texts.
"""

from processor.decide.currency import money_of
from processor.decide.rules import Enriched, RuleSettings, Verdict, decide, tags_of, verdicts


def explain(enriched: Enriched, purchase: bool, rules: RuleSettings) -> list[Verdict]:
    """Return every rule's verdict in the order they hold; the first with `stops` decides, as `decide` does."""
    found = verdicts(enriched, purchase, rules)
    if enriched.order is None or any(verdict.stops is not None for verdict in found):
        return found
    tags = tags_of(enriched.order, enriched.sources, rules)
    send = decide(enriched, purchase, rules)
    event = getattr(send, "purchase", None)
    money = money_of(enriched.order, rules.currency)
    currency = money.shop_currency if money.treatment == "converted" else enriched.order.currency
    sent = f"a PURCHASE of {event.value} {currency}".strip() if event is not None else "none is due"
    return [
        *found,
        Verdict("tags", None, ", ".join(tags) or "none"),
        Verdict("purchase", None, sent),
    ]
