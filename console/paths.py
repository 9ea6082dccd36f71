"""Addresses within the console: which may be gone to, and which page an action's address belongs to."""

import re
from urllib.parse import quote, urlsplit

LOCAL = re.compile(r"/(?!/)[!-\[\]-~]*")  # no backslash, blank or control character: browsers read some as a slash
PAGES = ("/settings/credentials", "/settings", "/orders", "/failed", "/again")
SHOWN = re.compile(r"/orders/[1-9][0-9]{0,17}(/now)?|/running/[^/]+|/settings/sources|/login")

# what these show by POST changes nothing, and holds no secret: it may be asked for again in another language
REPEATED = frozenset(
    {
        "/orders", "/failed/preview", "/pause/preview", "/again/replay/stop/preview", "/again/orders/preview",
        "/again/backfill/preview", "/again/replay/preview", "/settings/preview",
    }
)  # fmt: skip


def local(path: str) -> str:
    """Return an address of the console's own as it is, the overview's for any other."""
    return path if LOCAL.fullmatch(path) else "/"


def page_of(path: str) -> str:
    """Return the page that an address shows, or that its action belongs to; the overview's for any other."""
    if SHOWN.fullmatch(path):
        return path
    if path.startswith("/running/"):
        return path.removesuffix("/stop") if SHOWN.fullmatch(path.removesuffix("/stop")) else "/"
    return next((page for page in PAGES if path == page or path.startswith(f"{page}/")), "/")


def page_at(address: str) -> str:
    """Return the page that a browser says it shows; the overview's where the address can't be read."""
    try:
        return page_of(urlsplit(address).path)
    except ValueError:
        return "/"


def login_for(wanted: str) -> str:
    """Return the log-in's address that leads on to a page."""
    return "/login" if wanted == "/" else f"/login?next={quote(wanted)}"
