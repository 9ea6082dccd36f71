"""`make bench`: all benchmarks, or those that are named; prints tables and writes docs/benchmarks.md."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench import backlog, codec, kafka, ledger, limit, limit_real, memory, producing, profile, trickle
from bench.report import Section, machine, publish, say
from bench.setting import Setting
from bench.sizes import SMALL, WHOLE, Sizes
from sandbox.kafka import NoKafka, start_kafka

BENCHMARKS: Mapping[str, Callable[[Setting], Section]] = {
    "backlog": backlog.measure,
    "limit": limit.measure,
    "real": limit_real.measure,
    "trickle": trickle.measure,
    "producing": producing.measure,
    "codec": codec.measure,
    "ledger": ledger.measure,
    "memory": memory.measure,
    "kafka": kafka.measure,
    "profile": profile.measure,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run."""
    parser = argparse.ArgumentParser(prog="bench", description="Measures the program and writes docs/benchmarks.md.")
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which ones; all if none is named")
    parser.add_argument("--small", action="store_true", help="a short try, which is printed only")
    parser.add_argument("--rivals-python", default=".venv-rivals/bin/python", help="the rivals' environment")
    parser.add_argument("--runs", type=int, help="how often each is measured")
    parser.add_argument("--orders", type=int, help="orders of the backlog without limit")
    parser.add_argument("--real-minutes", type=float, help="minutes of the limit in real time")
    options = parser.parse_args(argv)
    sizes = _sizes(options)
    try:
        with start_kafka() as broker, tempfile.TemporaryDirectory(prefix="bl2sm-bench-") as folder:
            setting = Setting(broker.bootstrap, Path(folder), sizes, options.rivals_python)
            for name in options.names or BENCHMARKS:
                at = machine()
                section = BENCHMARKS[name](setting)
                publish(section, at, BENCHMARKS, write=not options.small)
    except NoKafka as error:
        say(str(error))
        return 1
    return 0


def _sizes(options: argparse.Namespace) -> Sizes:
    sizes = SMALL if options.small else WHOLE
    if options.runs is not None:
        sizes = replace(sizes, runs=options.runs)
    if options.orders is not None:
        sizes = replace(sizes, backlog_orders=options.orders)
    if options.real_minutes is not None:
        sizes = replace(sizes, limit_real_minutes=options.real_minutes)
    return sizes


if __name__ == "__main__":
    sys.exit(main())
