"""Domains of marketplaces' relay addresses: the default list, how MASKED_EMAIL_DOMAINS is read, what a domain covers.

In a domain `*` stands for any characters, dots too. Every domain covers all below it. Pure.
"""

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from functools import lru_cache

RELAY_DOMAINS = (  # where each is from: docs/apis.md, Relay addresses
    "allegromail.pl", "allegromail.com", "allegrogroup.pl", "marketplace.amazon.*", "members.ebay.*",
    "notification.mirakl.net", "relay.walmart.com", "scs.tiktokw.us",
)  # fmt: skip
FREEMAIL = frozenset({
    "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "hotmail.co.uk", "live.com", "msn.com", "yahoo.com",
    "yahoo.co.uk", "yahoo.de", "ymail.com", "icloud.com", "me.com", "mac.com", "aol.com", "proton.me",
    "protonmail.com", "pm.me", "tutanota.com", "mail.com", "gmx.com", "gmx.de", "gmx.net", "web.de", "t-online.de",
    "freenet.de", "wp.pl", "o2.pl", "tlen.pl", "onet.pl", "op.pl", "onet.eu", "poczta.onet.pl", "vp.pl", "interia.pl",
    "interia.eu", "poczta.fm", "gazeta.pl", "seznam.cz", "email.cz", "centrum.cz", "azet.sk", "zoznam.sk", "mail.ru",
    "yandex.ru", "yandex.com", "ukr.net", "i.ua", "orange.fr", "free.fr", "laposte.net", "libero.it", "virgilio.it",
    "freemail.hu", "citromail.hu", "abv.bg", "qq.com", "163.com",
})  # fmt: skip
_LABEL = re.compile(r"(?:[^\W_]|\*)(?:[\w*-]*(?:[^\W_]|\*))?")
_REGISTRY = re.compile(r"(?:co|com|org|net|gov|edu|info)\.[a-z]{2}")  # anyone may have a domain below it


def read_domains(value: str | Iterable[str]) -> tuple[str, ...]:
    """Return the domains a setting means: entries with `+` are added to the default list, others replace it.

    ValueError says what is wrong with which entry, and shows none of them.
    """
    entries = [entry.strip().lower() for entry in (value.split(",") if isinstance(value, str) else value)]
    added = [entry.startswith("+") for entry in entries]
    domains = [entry.removeprefix("+").strip().lstrip("@.") for entry in entries]
    wrong = [f"entry {number} {why}" for number, one in enumerate(domains, 1) if (why := _problem(one))]
    if any(added) and not all(added):
        wrong.append("some entries have a + and some have none: put + before each to add to the default list, or before"
                     " none to replace it")  # fmt: skip
    if wrong:
        raise ValueError(", ".join(wrong))
    return tuple(dict.fromkeys((*RELAY_DOMAINS, *domains) if any(added) else domains))


def covers(domains: Sequence[str], host: str) -> bool:
    """Whether a host (lower case) is one of the domains, or below one."""
    return _pattern(tuple(domains)).fullmatch(host) is not None


def host_of(email: str) -> str:
    """Return what is behind the @, in lower case."""
    return email.strip().rpartition("@")[2].lower().rstrip(".")


def setting_with(domains: Iterable[str], current: Sequence[str]) -> str:
    """Return the line of MASKED_EMAIL_DOMAINS that has the default list, the current domains, and these."""
    more = [one for one in dict.fromkeys((*current, *domains)) if not covers(RELAY_DOMAINS, one)]
    return f"MASKED_EMAIL_DOMAINS={','.join(f'+{one}' for one in more)}"


@lru_cache(maxsize=64)
def _pattern(domains: tuple[str, ...]) -> re.Pattern[str]:
    clean = [one for domain in domains if (one := domain.strip().lower().lstrip("@."))]
    return re.compile("|".join(translate(glob) for one in clean for glob in (one, f"*.{one}")) or r"(?!)")


def _problem(domain: str) -> str:
    """Return what is wrong with an entry, "" for nothing."""
    labels = domain.split(".")
    fixed = [label for label in labels if "*" not in label]
    if not domain:
        return "is empty"
    if not all(_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        return "is no domain"
    if len(fixed) < 2 or _REGISTRY.fullmatch(".".join(fixed)):
        return "covers too much: name at least two parts in full, as in marketplace.amazon.*"
    if any(covers((domain,), host) for host in FREEMAIL):
        return "covers a mail provider's domain, whose addresses are the buyers' own"
    return ""
