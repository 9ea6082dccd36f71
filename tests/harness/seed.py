"""The seed of everything that a test draws: fixed, so that two runs draw the same; `SEED=7` picks another."""

import os

_GIVEN = os.environ.get("SEED") or "1"
if not _GIVEN.isdigit():
    raise ValueError(f"SEED={_GIVEN}: give a whole number")
SEED = int(_GIVEN)
SIZES = (  # variables that make a fault test longer or pick a part of it; a failure is reproduced with the same ones
    "API_FAULTS",
    "BROKER_ROUNDS",
    "CRASH_POINTS",
    "CRASH_SECONDS",
    "CRASH_WAY",
    "ENTRIES",
    "HYPOTHESIS_PROFILE",
    "PROTOCOL",
    "SECONDS",
    "SOAK_CASES",
    "STOPS",
    "STOPS_AT_ONCE",
    "STOPS_PROCESSORS",
)
