"""The producer over a long journal, its pace lifted: entries and transactions a second."""

from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import AdminClient

from bench.processes import Programs, settings, standin
from bench.report import Section, Table, say, spread
from bench.setting import Setting
from bench.standin import PAGE
from bench.topics import PARTITIONS, own_topics
from runtime.end_offsets import find_ends


@dataclass(frozen=True, slots=True)
class Produced:
    """One journal: from the first page asked for until the last; CPU and memory of the producer."""

    entries: int
    seconds: float
    transactions: int
    cpu: float
    peak_mb: float


def measure(setting: Setting) -> Section:
    """Measure one producer."""
    sizes = setting.sizes
    found = []
    for run in range(sizes.runs):
        found.append(produce(setting.kafka, setting.folder, sizes.producing_entries))
        say(f"producing: run {run + 1} of {sizes.runs}: {found[-1]}")
    row = (
        f"{sizes.producing_entries:,} entries",
        spread((run.entries / run.seconds for run in found), 0),
        spread(run.transactions / run.seconds for run in found),
        spread((run.cpu / run.entries * 1e6 for run in found), 0),
        spread((run.peak_mb for run in found), 0),
    )
    heads = ("journal", "entries/s", "transactions/s", "CPU µs an entry", "MB")
    return Section(
        "producing",
        "The producer over a long journal, its pace lifted",
        [
            f"The stand-in shows {PAGE} entries a page; each page is one transaction with the cursor. With its pace,"
            " the default of 9 requests a minute, one producer takes over 900 entries a minute.",
            Table(heads, [row]),
        ],
        {},
    )


def produce(kafka: str, folder: Path, entries: int) -> Produced:
    """Let one producer read a journal of so many entries."""
    with own_topics(kafka) as topics, standin("--orders", entries) as apis, Programs(folder) as programs:
        program = programs.start("bench.producer_unpaced", settings(apis.environment, kafka, topics.prefix))
        usage = program.wait(600)
        programs.must_run()
        asked = apis.state(whole=True)["asked_at"]
        written = _end(kafka, topics.journal, PARTITIONS)
        if written < entries:
            raise RuntimeError(f"{written} of {entries} entries are in the topic")
        transactions = _end(kafka, topics.cursor, 1) // 2  # each leaves a row and a marker
    return Produced(entries, asked[-1] - asked[0], transactions, usage.cpu, usage.peak_mb)


def _end(kafka: str, topic: str, partitions: int) -> int:
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 3})
    return sum(find_ends(admin, topic, range(partitions), 30.0).values())
