"""What the overview says of orders in other currencies, as the processors counted them: nothing is asked for it."""

from collections import Counter
from collections.abc import Sequence

from console.words import Words
from operations.endpoints import InCurrency
from runtime.last_currencies import OTHER, UNNAMED

FOREIGN = ("converted", "unconverted", "skipped")


def sentence(counts: Sequence[InCurrency], words: Words) -> str:
    """Return how many of the last purchases are foreign, and what becomes of them; "" where none are.

    Where no SHOP_CURRENCY is set, and they come in several currencies, that these count as one.
    """
    total = words.number(sum(one.purchases for one in counts))
    foreign = [one for one in counts if one.treatment in FOREIGN]
    if foreign:
        parts = [
            words(f"overview.currency_{one.treatment}", n=words.number(one.purchases), currency=_name(one, words))
            for one in foreign
        ]
        return words("overview.currencies", n=total, parts="; ".join(parts))
    several = Counter[str]()
    for one in counts:
        if one.treatment == "as_it_is" and one.currency != UNNAMED:
            several[_name(one, words)] += one.purchases
    if len(several) < 2:
        return ""
    parts = [f"{words.number(count)} × {currency}" for currency, count in several.most_common()]
    (own, _), (other, _) = several.most_common(2)
    return words("overview.currencies_mixed", n=total, parts=", ".join(parts), own=own, other=other)


def _name(one: InCurrency, words: Words) -> str:
    return words("overview.currency_unknown") if one.currency == OTHER else one.currency
