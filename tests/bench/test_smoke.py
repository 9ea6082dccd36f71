"""Each benchmark runs in small, so that none rots; what it measures is not judged here."""

import sys
from pathlib import Path

import pytest

from bench.__main__ import BENCHMARKS
from bench.profile import count
from bench.report import Section, Table
from bench.setting import Setting
from bench.sizes import SMALL


@pytest.mark.parametrize("name", [name for name in BENCHMARKS if name != "profile"])  # py-spy is not for tests
def test_a_benchmark_gives_a_table_with_numbers(name: str, kafka: str, tmp_path: Path) -> None:
    section = BENCHMARKS[name](Setting(kafka, tmp_path, SMALL, sys.executable))
    assert isinstance(section, Section)
    tables = [part for part in section.parts if isinstance(part, Table)]
    assert tables
    for table in tables:
        assert table.rows
        assert all(len(row) == len(table.heads) for row in table.rows)
    assert all(svg.startswith("<svg") for svg in section.charts.values())


def test_a_sample_counts_for_the_innermost_part_of_its_stack() -> None:
    loop = "run (processor/membership.py:80);advance (processor/deliver/stage.py:120)"
    post = f"{loop};post_json (clients/http.py:70);send (httpx/_client.py:900)"
    found = count(f"{loop} 3\n{post} 5\n{post};dumps (json/__init__.py:231) 2\nmain (odd.py:1) 1\n")
    assert found == {"the loop, lanes, steps": 3, "HTTP client": 5, "JSON": 2, "other": 1}
