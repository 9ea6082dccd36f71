"""How many cases a property is tried with: few by default, 10,000 with HYPOTHESIS_PROFILE=soak."""

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
    return soak if os.environ.get("HYPOTHESIS_PROFILE") == "soak" else default
