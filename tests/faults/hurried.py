"""`python -m tests.faults.hurried processor|producer …`: the program itself, but it probes every few seconds.

A probe a minute is right for an API and too slow for a test.
"""

import importlib
import sys

import processor.circuit_breaker
import processor.record.breaker
import producer.baselinker_health

PROBE_SECONDS = 3.0


def main() -> int:
    """Run the program that the first argument names."""
    program, *options = sys.argv[1:]
    for module, name in (
        (processor.circuit_breaker, "PROBE_SECONDS"),
        (processor.record.breaker, "TRIAL_SECONDS"),
        (producer.baselinker_health, "PROBE_SECONDS"),
    ):
        assert getattr(module, name) == 60.0
        setattr(module, name, PROBE_SECONDS)
    code: int = importlib.import_module(f"{program}.main").main(options)
    return code


if __name__ == "__main__":
    sys.exit(main())
