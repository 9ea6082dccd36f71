"""The table of `make soak`."""

import json
import os
import time
from pathlib import Path


def hand_over(what: str, seed: int, started: float, **numbers: object) -> None:
    """Add a line to the table of `make soak`."""
    if path := os.environ.get("SOAK_RESULTS"):
        with Path(path).open("a") as results:
            seconds = round(time.monotonic() - started)
            results.write(json.dumps({"what": what, "seed": seed, "seconds": seconds, **numbers}) + "\n")
