"""docs/operations.md names commands, options, log lines and places that exist."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from operations.cli import build
from tests.deploy.reading import OPERATIONS, ROOT, anchor, headings

CLI: Any = get_command(build())
TEXT = OPERATIONS.read_text()
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]}
PAGES = [
    "README.md",
    "README.pl.md",
    "CONTRIBUTING.md",
    "deploy/README.md",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")),
]


def _invocations() -> list[list[str]]:
    """Every `bl2sm …` of the page, as words; placeholders are capitals."""
    found = re.findall(r"(?:^ *\$ (?:\w+=\S+ )*|`)bl2sm ([^`\n#|&;]*)", TEXT, re.MULTILINE)
    return [text.split() for text in found if text.strip() != "…"]


def _command(words: list[str]) -> tuple[Any, list[str]]:
    command: Any = CLI
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


def test_commands_and_options_are_the_programs_own() -> None:
    invocations = _invocations()
    assert len(invocations) > 20
    for words in invocations:
        command, rest = _command(words)
        assert command.name in words, words
        options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert {word for word in rest if word.startswith("--")} <= options, words


def test_log_lines_are_the_programs_own() -> None:
    source = "".join(
        path.read_text()
        for room in ("producer", "processor", "runtime", "clients")
        for path in (ROOT / room).rglob("*.py")
    )
    source = re.sub(r'"\s*\n\s*"', "", source)  # long texts are written in parts
    events = [json.loads(f'"{text}"') for text in re.findall(r'"event": "([^"]*)"', TEXT)]
    assert len(events) > 8
    assert [event for event in events if event not in source] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", (ROOT / page).read_text()):
        if "://" in target:
            continue
        file, _, place = target.partition("#")
        found = (folder / file).resolve() if file else ROOT / page
        assert found.exists(), target
        if place and found.suffix == ".md":
            assert place in headings(found), target


def test_every_section_is_in_the_table_of_symptoms() -> None:
    table = SECTIONS["What do you see?"]
    anchors = set(re.findall(r"\(#([\w-]+)\)", table))
    assert anchors == {anchor(title) for title in SECTIONS} - {"what-do-you-see"}


def test_no_address_and_no_name_of_a_machine_is_shown() -> None:
    addresses = set(re.findall(r"\b\d{1,3}(?:\.\d{1,3}){3}\b", TEXT))
    assert addresses <= {"127.0.0.1"}
    assert str(Path.home()) not in TEXT
