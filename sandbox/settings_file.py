"""The settings that point programs at a running sandbox, as a file that lives as long as the sandbox does."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

TAG = "Sklep Łódź"


def demo_settings(urls: Mapping[str, str], limit: int, now: float) -> dict[str, str]:
    """Return the sandbox's settings with topics of its own: a sandbox that starts anew has forgotten all it was sent.

    `limit` = requests a minute before the stand-in blocks; half of them are used, as with the real API's 80 of 100.
    """
    return {
        **urls,
        "TOPIC_PREFIX": f"demo-{int(now)}",
        "GROUP_ID": "",
        "BASELINKER_REQUESTS_PER_MINUTE": str(max(60, limit // 2)),
        "POLL_INTERVAL_SECONDS": "2",
        "CONTACT_TAG": TAG,
        "TAG_ORDER_SOURCE": "both",
        "SKIP_SHOP_ORDERS": "false",
    }


@contextmanager
def settings_file(path: Path | None, urls: Mapping[str, str], limit: int) -> Iterator[None]:
    """Write the file whole or not at all; remove it in the end."""
    if path is None:
        yield
        return
    half = path.with_suffix(".half")
    half.write_text("".join(f"{name}='{value}'\n" for name, value in demo_settings(urls, limit, time.time()).items()))
    half.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
