"""What `check` says of one thing it looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `state`: ok, note, warning or failed; `mend`: what to do, "" where nothing is."""

    name: str
    state: str
    text: str
    mend: str = ""
