"""Each benchmark runs in small, so that none rots; what it measures is not judged here."""

import sys
from pathlib import Path

import pytest

from bench.__main__ import BENCHMARKS
from bench.report import Section, Table
from bench.setting import Setting
from bench.sizes import SMALL


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_gives_a_table_with_numbers(name: str, kafka: str, tmp_path: Path) -> None:
    section = BENCHMARKS[name](Setting(kafka, tmp_path, SMALL, sys.executable))
    assert isinstance(section, Section)
    tables = [part for part in section.parts if isinstance(part, Table)]
    assert tables
    for table in tables:
        assert table.rows
        assert all(len(row) == len(table.heads) for row in table.rows)
    assert all(svg.startswith("<svg") for svg in section.charts.values())
