"""`make bench`: all benchmarks, or those that are named; prints tables and writes docs/benchmarks.md."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench import backlog, codec, ledger, limit, producing, trickle
from bench.report import Section, machine, publish, say
from bench.setting import Setting
from bench.sizes import SMALL, WHOLE
from sandbox.kafka import NoKafka, start_kafka

BENCHMARKS: Mapping[str, Callable[[Setting], Section]] = {
    "backlog": backlog.measure,
    "limit": limit.measure,
    "trickle": trickle.measure,
    "producing": producing.measure,
    "codec": codec.measure,
    "ledger": ledger.measure,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run."""
    parser = argparse.ArgumentParser(prog="bench", description="Measures the program and writes docs/benchmarks.md.")
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which ones; all if none is named")
    parser.add_argument("--small", action="store_true", help="a short try, which is printed only")
    parser.add_argument("--rivals-python", default=".venv-rivals/bin/python", help="the rivals' environment")
    options = parser.parse_args(argv)
    sizes = SMALL if options.small else WHOLE
    try:
        with start_kafka() as kafka, tempfile.TemporaryDirectory(prefix="bl2sm-bench-") as folder:
            setting = Setting(kafka.bootstrap, Path(folder), sizes, options.rivals_python)
            for name in options.names or BENCHMARKS:
                at = machine()
                section = BENCHMARKS[name](setting)
                publish(section, at, write=not options.small)
    except NoKafka as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
