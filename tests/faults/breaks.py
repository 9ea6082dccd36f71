"""`python -m tests.faults.breaks [name…]`: breaks the program on purpose, and shows which test notices it.

Each break is made in a copy of what is committed (git's HEAD); the named tests run there and must fail. First they
run in an unbroken copy and must pass. Exit 1 when a break goes unnoticed, or when its text is not found any more.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.kafka import start_kafka
from tests.faults.breakage import BREAKS, Break

ROOMS = ("schemas", "clients", "runtime", "producer", "processor", "operations", "sandbox", "tests")
TESTS_FAILED = 1  # pytest's exit code; others say that the tests could not run
HARM = (": has ", " lies ", "woken up", "ends at", "sent again", "its row")  # words that name what was done
PYTEST = ("-p", "no:xdist", "-o", "addopts=--import-mode=importlib", "-x", "-q", "--no-header")


@dataclass(frozen=True, slots=True)
class Result:
    """What the tests said of one copy; `noticed` = its first complaint."""

    name: str
    code: int
    seconds: float
    noticed: str
    output: str = field(repr=False, default="")


class Moved(Exception):
    """A break's text is not in its file exactly once: the code moved, renew the break."""


def copy_of_head(folder: Path) -> None:
    """Put what is committed into a folder, and make sure that Python would run it and nothing else."""
    packed = subprocess.run(["git", "archive", "HEAD"], capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    asked = "import importlib, sys; print(*(importlib.import_module(name).__path__[0] for name in sys.argv[1:]))"
    found = subprocess.run(
        [sys.executable, "-c", asked, *ROOMS], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.split()
    outside = [path for path in found if not Path(path).resolve().is_relative_to(folder.resolve())]
    if outside:
        raise RuntimeError(f"the copy's tests would run the code of {outside}")


def damage(folder: Path, one: Break) -> None:
    """Make a break's edits; Moved when one does not fit."""
    for path, old, new in one.edits:
        text = (folder / path).read_text()
        if text.count(old) != 1:
            raise Moved(f"{one.name}: the code moved, renew this break: {path} has {text.count(old)} times\n{old}")
        (folder / path).write_text(text.replace(old, new))


def run_tests(folder: Path, tests: Sequence[str], environment: Mapping[str, str], name: str) -> Result:
    """Run tests in a copy."""
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *PYTEST, *tests],
        cwd=folder, env=dict(environment), capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = [line[1:].strip() for line in ended.stdout.splitlines() if line.startswith("E ")]
    noticed = next((line for line in lines if any(word in line for word in HARM)), lines[0] if lines else "")
    return Result(name, ended.returncode, time.monotonic() - began, noticed, ended.stdout + ended.stderr)


def try_one(one: Break, environment: Mapping[str, str]) -> Result:
    """Break a copy and run the tests that must notice."""
    with tempfile.TemporaryDirectory(prefix="bl2sm-break-") as found:
        folder = Path(found)
        copy_of_head(folder)
        damage(folder, one)
        return run_tests(folder, one.caught_by, {**environment, **one.environment}, one.name)


def unbroken(chosen: Sequence[Break], environment: Mapping[str, str]) -> list[Result]:
    """Run every named test in a copy that is whole."""
    runs = dict.fromkeys((one.caught_by, tuple(sorted(one.environment.items()))) for one in chosen)
    results = []
    with tempfile.TemporaryDirectory(prefix="bl2sm-whole-") as found:
        copy_of_head(Path(found))
        for tests, given in runs:
            results.append(run_tests(Path(found), tests, {**environment, **dict(given)}, "(nothing is broken)"))
    return results


def main(argv: Sequence[str] | None = None) -> int:
    """Break, run, tell."""
    parser = argparse.ArgumentParser(prog="breaks", description="Breaks the program on purpose.")
    parser.add_argument("names", nargs="*", help="breaks to try; all of them if none is named")
    parser.add_argument("--list", action="store_true", help="only tell which there are")
    parser.add_argument("--check", action="store_true", help="only see whether each still fits the code")
    parser.add_argument("--at-once", type=int, default=2, help="how many copies are tested side by side")
    options = parser.parse_args(argv)
    known = {one.name: one for one in BREAKS}
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"no such break: {unknown}; there are {sorted(known)}")
    chosen = [known[name] for name in options.names] or list(BREAKS)
    if options.list:
        for one in chosen:
            print(f"{one.name:24} {one.sentence}")
        return 0
    try:
        check(chosen)
    except Moved as error:
        print(error, file=sys.stderr)
        return 1
    if options.check:
        print(f"{len(chosen)} breaks fit the code")
        return 0
    with start_kafka() as kafka, ThreadPoolExecutor(options.at_once) as pool:
        environment = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap}
        whole = unbroken(chosen, environment)
        if not tell_whole(whole):
            return 1
        fine = True
        for one, result in zip(chosen, pool.map(lambda one: try_one(one, environment), chosen), strict=True):
            fine &= tell(one, result)
    return 0 if fine else 1


def check(chosen: Sequence[Break]) -> None:
    """Raise Moved unless every break fits what is committed."""
    for one in chosen:
        with tempfile.TemporaryDirectory(prefix="bl2sm-break-") as found:
            folder = Path(found)
            for path in {path for path, _, _ in one.edits}:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                text = subprocess.run(["git", "show", f"HEAD:{path}"], capture_output=True, check=True).stdout
                (folder / path).write_bytes(text)
            damage(folder, one)


def tell_whole(results: Sequence[Result]) -> bool:
    """Say how the unbroken copy did; whether all is well."""
    wrong = [result for result in results if result.code != 0]
    for result in wrong:
        print(result.output[-4000:])
    seconds = sum(result.seconds for result in results)
    print(f"{'(nothing is broken)':24} {'tests pass' if not wrong else 'TESTS FAIL':14} {seconds:5.0f} s", flush=True)
    return not wrong


def tell(one: Break, result: Result) -> bool:
    """Say whether a break was noticed, by which tests, and by what words."""
    caught = result.code == TESTS_FAILED
    word = "caught" if caught else "NOT CAUGHT" if result.code == 0 else f"pytest: {result.code}"
    print(f"{one.name:24} {word:14} {result.seconds:5.0f} s  {', '.join(one.caught_by)}", flush=True)
    print(f"{'':24} {one.sentence}")
    print(f"{'':24} {result.noticed[:160]}" if caught else result.output[-3000:], flush=True)
    return caught


if __name__ == "__main__":
    sys.exit(main())
