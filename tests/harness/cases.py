"""How many cases a property is tried with: few by default, 10,000 with HYPOTHESIS_PROFILE=soak.

SOAK_CASES=0.1 takes a tenth of the soak profile's: `make soak` has a slice of time for all of them.
"""

import os

from hypothesis import HealthCheck, settings

SOAK = 10_000


def register_profiles() -> None:
    """Make `default` and `soak` known, and load the one that HYPOTHESIS_PROFILE names. No case has a time limit."""
    unhurried = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    for name, count in (("default", 100), ("soak", SOAK)):
        settings.register_profile(
            name, max_examples=count, deadline=None, suppress_health_check=unhurried, print_blob=True
        )
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def cases(default: int, soak: int = SOAK) -> int:
    """Return the number of cases for this run."""
    if os.environ.get("HYPOTHESIS_PROFILE") != "soak":
        return default
    if soak <= 1:  # a stride through all values, or a switch
        return soak
    return max(default, round(soak * float(os.environ.get("SOAK_CASES") or 1)))
