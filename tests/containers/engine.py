"""The container engine by its own command line, and the images the tests need."""

import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMAGE, OLD_IMAGE, NEXT_IMAGE = (f"baselinker-salesmanago:{tag}" for tag in ("test", "test-old", "test-next"))
SANDBOX_IMAGE = f"{IMAGE}-sandbox"  # as the compose file names it
REGISTRY = "apicurio/apicurio-registry:3.3.3"
OLD_COMMIT = "33b5fff"  # the first day: the first schema of the cursor, another group protocol, other dependencies


def run(command: list[str], timeout: float = 300, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command; its output is kept as text."""
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout, **options)  # type: ignore[call-overload, no-any-return]


def docker(*arguments: str, timeout: float = 300) -> str:
    """Run `docker …` and return what it printed; what it says when it fails is the error."""
    ended = run(["docker", *arguments], timeout)
    assert ended.returncode == 0, f"docker {' '.join(arguments)}: {(ended.stdout + ended.stderr)[-2000:]}"
    return ended.stdout.strip()


def lacks() -> str | None:
    """Why nothing can run here, or None."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    for command, what in (
        (["docker", "info"], "no container engine answers"),
        (["docker", "compose", "version"], "Docker Compose v2 is not installed"),
    ):
        try:
            ended = run(command, 20)
        except subprocess.TimeoutExpired:
            return f"{what} within 20 s"
        if ended.returncode:
            return f"{what}: {ended.stderr.strip()[-200:]}"
    return None


def build(context: Path, tag: str, *options: str) -> None:
    """Build an image from a folder."""
    docker("build", "--quiet", "--tag", tag, *options, str(context), timeout=400)


def build_this() -> None:
    """Build the image from this tree."""
    build(ROOT, IMAGE, "--build-arg", "REVISION=0123456")


def build_sandbox() -> None:
    """Build the sandbox's image from this tree, under the name that the compose file gives it."""
    build(ROOT, SANDBOX_IMAGE, "--build-arg", "REVISION=0123456", "--target", "sandbox")


def build_old() -> str | None:
    """Build the image of an older commit; or say why there is none."""
    if run(["git", "-C", str(ROOT), "cat-file", "-e", f"{OLD_COMMIT}^{{commit}}"]).returncode:
        return f"the history does not reach back to {OLD_COMMIT}: a shallow clone"
    with tempfile.TemporaryDirectory() as folder:
        with subprocess.Popen(["git", "-C", str(ROOT), "archive", OLD_COMMIT], stdout=subprocess.PIPE) as archive:
            subprocess.run(["tar", "-x", "-C", folder], stdin=archive.stdout, check=True)
        build(Path(folder), OLD_IMAGE)
    return None


def ensure_registry() -> str | None:
    """Have the schema registry's image: here, pulled, or built from what Maven Central has; or say why not."""
    if (
        run(["docker", "image", "inspect", REGISTRY]).returncode == 0
        or run(["docker", "pull", REGISTRY]).returncode == 0
    ):
        return None
    if shutil.which("mvn") is None:
        return f"{REGISTRY} can't be pulled, and there is no Maven to build it from its makers' archive"
    version = REGISTRY.rpartition(":")[2]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(Path(__file__).parent / "registry" / "Dockerfile", folder)
        copy = ["mvn", "-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"]
        copy += [f"-Dartifact=io.apicurio:apicurio-registry-app:{version}:tar.gz:all", f"-DoutputDirectory={folder}"]
        ended = run(copy, cwd=folder)
        if ended.returncode:
            return f"{REGISTRY} can't be pulled, nor its archive fetched: {(ended.stdout + ended.stderr)[-300:]}"
        Path(folder, f"apicurio-registry-app-{version}-all.tar.gz").rename(Path(folder, "app.tar.gz"))
        build(Path(folder), REGISTRY)
    return None
