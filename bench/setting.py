"""What every benchmark is given: a Kafka, a folder for logs, sizes."""

from dataclasses import dataclass
from pathlib import Path

from bench.sizes import Sizes


@dataclass(frozen=True, slots=True)
class Setting:
    """`kafka` = bootstrap servers; `folder` = logs and temporary files; `rivals_python` runs the rivals."""

    kafka: str
    folder: Path
    sizes: Sizes
    rivals_python: str
