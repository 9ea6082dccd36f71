"""Where a CPU millisecond of an order goes: py-spy watches a processor with a backlog, stacks are told by library.

Counted are samples in which a thread holds the interpreter's lock: what runs at the same time as something else, the
system's part and librdkafka's threads, is not seen. The shares are laid over the CPU that the kernel counted unwatched.
"""

import re
import subprocess
from collections import Counter
from pathlib import Path

from bench.backlog import measure_ours
from bench.charts import Bar, bars
from bench.processes import Program
from bench.report import Section, Table
from bench.setting import Setting

GROUPS = {
    "HTTP client": r"httpx|httpcore|h11|clients/(http|network|transport)|anyio|ssl\.py|ipaddress",
    "phone numbers": r"phonenumbers|processor/decide/phones",
    "log lines": r"structlog|logging/|runtime/logging",
    "JSON": r"json/",
    "orders parsed": r"clients/(orders|parsing|baselinker)",
    "rules, mapping, fingerprint": r"processor/(decide|enrich)/",
    "SALESmanago calls and answers": r"clients/(salesmanago|contacts|errors)|processor/deliver/(requests|existing)",
    "Kafka, rows, codec, ledger": r"processor/(consume|restore|record|commit|ledger_rows)|schemas/|fastavro",
    "threads and queues": r"concurrent/futures|threading|queue\.py|processor/deliver/pool",
    "the loop, lanes, steps": r"processor/",
    "metrics": r"prometheus_client|runtime/metrics",
}
SECONDS, SAMPLES_A_SECOND = 15, 100


def measure(setting: Setting) -> Section:
    """Watch one run, and measure one unwatched."""
    orders = setting.sizes.profile_orders
    unwatched = measure_ours(setting.kafka, setting.folder, orders, 1)
    stacks = setting.folder / "stacks.txt"
    spies: list[subprocess.Popen[bytes]] = []
    spy = Path(setting.rivals_python).parent / "py-spy"

    def watch(program: Program) -> None:
        command = [str(spy), "record", "--pid", str(program.pid), "--gil", "--nonblocking", "--format", "raw"]
        command += ["--rate", str(SAMPLES_A_SECOND), "--duration", str(SECONDS), "--output", str(stacks)]
        spies.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    measure_ours(setting.kafka, setting.folder, orders, 1, watch=watch)
    for running in spies:
        running.wait(60)
    groups = count(stacks.read_text())
    whole = sum(groups.values())
    rows, shown = [], []
    for name, samples in groups.most_common():
        spent = unwatched.cpu_ms * samples / whole
        rows.append((name, f"{samples / whole:.0%}", f"{spent:.2f}"))
        shown.append(Bar(name, spent))
    rows.append(("an order", "100%", f"{unwatched.cpu_ms:.2f}"))
    return Section(
        "profile",
        "Where a processor's CPU goes",
        [
            f"{orders:,} orders, {whole:,} samples of the thread that holds the interpreter's lock, each told by the"
            " innermost library or room in its stack.",
            Table(("part", "share", "CPU ms an order"), rows),
        ],
        {"profile": bars("A processor's CPU", "ms an order", shown)},
    )


def count(stacks: str) -> Counter[str]:
    """Return samples by part, from lines `frame;frame;… count`."""
    found: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, number = line.rpartition(" ")
        found[_part(stack.split(";"))] += int(number)
    return found


def _part(frames: list[str]) -> str:
    for frame in reversed(frames):
        for name, pattern in GROUPS.items():
            if re.search(pattern, frame):
                return name
    return "other"
