"""Tables and charts to docs/benchmarks.md: each benchmark owns a section there, and replaces only that.

A section says when and on what machine it was measured, for sections need not be of one day.
"""

import os
import platform
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median

import confluent_kafka

from sandbox.kafka.jars import KAFKA

DOCS = Path("docs")
PAGE = DOCS / "benchmarks.md"
HEAD = """# Benchmarks

`make bench` measures all of this anew and rewrites this page, in more than an hour; `make bench ARGS=ledger` does only
that section. Figures are medians, the least and the largest stand in brackets. What stands side by side was measured in
one run, in turns. CPU is what the kernel counted for the programs alone: not the broker, not the APIs' stand-ins.
"""


@dataclass(frozen=True, slots=True)
class Table:
    """Column heads and rows of text; the first column is text, the others are numbers."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Return it as Markdown."""
        line = "|" + "---|" + "---:|" * (len(self.heads) - 1)
        return "\n".join([_row(self.heads), line, *map(_row, self.rows)])


@dataclass(frozen=True, slots=True)
class Section:
    """One benchmark's part of the page; `parts` are tables and paragraphs in their order, `charts` file name → SVG."""

    name: str
    title: str
    parts: Sequence[Table | str]
    charts: dict[str, str]


def machine() -> str:
    """One line: date, processor, cores, memory, load, versions."""
    cpu = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    versions = {name: metadata.version(name) for name in ("httpx", "fastavro")}
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    load = os.getloadavg()[1]
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {cpu}, {os.cpu_count()} cores, {memory / 2**20:.0f} GB; load before"
        f" {load:.1f}; Linux {platform.release()}, Python {platform.python_version()}, Apache Kafka {KAFKA} (one broker"
        f" on the same machine), confluent-kafka {confluent_kafka.__version__}, {told}"
    )


def publish(section: Section, at: str, order: Iterable[str], write: bool) -> None:
    """Print a section, and put it into its place of the page; `order` names all sections that the page may have."""
    parts = [part.markdown() if isinstance(part, Table) else part for part in section.parts]
    pictures = [f"![{section.title}](charts/{name}.svg)" for name in section.charts]
    text = "\n\n".join([f"## {section.title}", *parts, *pictures, f"*Measured {at}.*"])
    print(text, flush=True)
    if not write:
        return
    (DOCS / "charts").mkdir(parents=True, exist_ok=True)
    for name, svg in section.charts.items():
        (DOCS / "charts" / f"{name}.svg").write_text(svg)
    found = _sections(PAGE.read_text() if PAGE.exists() else "")
    found[section.name] = text
    ordered = [f"<!-- {name} -->\n{found[name]}" for name in order if name in found]
    PAGE.write_text("\n\n".join([HEAD.rstrip(), *ordered]) + "\n")


def spread(values: Iterable[float], digits: int = 1) -> str:
    """Return `median (least-largest)`."""
    ordered = sorted(values)
    if len(ordered) == 1:
        return f"{ordered[0]:,.{digits}f}"
    return f"{median(ordered):,.{digits}f} ({ordered[0]:,.{digits}f}-{ordered[-1]:,.{digits}f})"


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def _sections(page: str) -> dict[str, str]:
    parts = re.split(r"^<!-- (\w+) -->\n", page, flags=re.MULTILINE)
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
