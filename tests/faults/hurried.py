"""`python -m tests.faults.hurried processor|producer …`: the program itself, but it probes every few seconds.

A probe a minute is right for an API and too slow for a test.
"""

import importlib
import sys

import processor.circuit_breaker
import processor.stops
import producer.baselinker_health

PROBE_SECONDS = 3.0


def main() -> int:
    """Run the program that the first argument names."""
    program, *options = sys.argv[1:]
    for module in (processor.circuit_breaker, processor.stops, producer.baselinker_health):
        assert module.PROBE_SECONDS == 60.0
        module.PROBE_SECONDS = PROBE_SECONDS  # type: ignore[attr-defined]
    code: int = importlib.import_module(f"{program}.main").main(options)
    return code


if __name__ == "__main__":
    sys.exit(main())
