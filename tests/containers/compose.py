"""The project's compose file in a clean copy of the project, as a newcomer has it after cloning."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.containers.engine import IMAGE, ROOT, docker, run


@dataclass(slots=True)
class Compose:
    """One Compose project; `down(volumes=True)` leaves nothing of it."""

    folder: Path
    name: str
    options: list[str] = field(default_factory=list)

    def __call__(self, *arguments: str, timeout: float = 300) -> str:
        """Run `docker compose …` and return what it printed."""
        ended = self.try_(*arguments, timeout=timeout)
        assert ended.returncode == 0, f"{' '.join(arguments)}: {(ended.stdout + ended.stderr)[-3000:]}\n{self.logs()}"
        return ended.stdout.strip()

    def try_(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run `docker compose …`, whatever comes of it."""
        command = ["docker", "compose", "-p", self.name, *self.options, *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "COMPOSE_"))}
        return run(command, timeout, cwd=self.folder, env={**environment, "BL2SM_IMAGE": IMAGE})

    def try_exec(self, container: str, *command: str) -> str:
        """Run a command in a container, whatever comes of it; what it printed."""
        return run(["docker", "exec", container, *command], 60).stdout

    def containers(self, service: str) -> list[str]:
        """Ids of a service's containers that run."""
        return self("ps", "--quiet", service).split()

    def states(self) -> dict[str, str]:
        """`service number` → its health, or its state where it has none."""
        found = [json.loads(line) for line in self("ps", "--all", "--format", "json").splitlines()]
        return {one["Name"].removeprefix(f"{self.name}-"): one["Health"] or one["State"] for one in found}

    def logs(self) -> str:
        """The end of what everyone said."""
        return self.try_("logs", "--no-color", "--tail", "15").stdout[-6000:]

    def down(self, volumes: bool = True) -> None:
        """Remove the containers; with `volumes` the data too."""
        self("down", "--remove-orphans", *(["--volumes"] if volumes else []))


def clean_copy(folder: Path) -> Path:
    """Copy what is in the repository, as it is now; nothing of the person who runs the tests comes along."""
    listed = run(["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]).stdout
    for name in filter(None, listed.split("\0")):
        if name != "docker-compose.override.yml" and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def restarts(container: str) -> int:
    """How often the engine has started a container again."""
    return int(docker("inspect", "--format", "{{.RestartCount}}", container))


def exit_code(container: str) -> int:
    """How a container that has ended, ended."""
    return int(docker("inspect", "--format", "{{.State.ExitCode}}", container))
