"""What the repository's files cite is in the repository."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from tests.deploy.reading import ROOT

ELSEWHERE = {"CONFIGURATION.md"}  # librdkafka's list of properties


def _texts() -> Iterator[tuple[Path, str]]:
    """Every text file; not the hidden folders, the environments and what tools left behind."""
    for place, folders, names in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if (name == ".ci" or not name.startswith((".", "__"))) and not (Path(place, name, "pyvenv.cfg")).exists()
        ]
        for path in (Path(place, name) for name in names):
            try:
                yield path, path.read_text()
            except UnicodeDecodeError:
                continue  # a picture


def test_no_file_cites_a_document_that_is_not_there() -> None:
    places = (ROOT, ROOT / "docs")
    missing = [
        f"{path.relative_to(ROOT)}: {cited}"
        for path, text in _texts()
        for cited in re.findall(r"[\w./-]*\w\.md\b", text)
        if cited not in ELSEWHERE and not any((folder / cited).exists() for folder in (*places, path.parent))
    ]
    assert missing == []


def test_no_file_cites_a_section_by_number() -> None:
    """The headings of docs/ have names and no numbers, so a number is of another document."""
    numbered = [
        f"{path.relative_to(ROOT)}: {cited}" for path, text in _texts() for cited in re.findall(r"\S* ?§ ?\d\S*", text)
    ]
    assert numbered == []
