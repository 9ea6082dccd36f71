"""The jars by the machine's Maven, which knows the machine's mirrors and proxies."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sandbox.kafka.errors import Unavailable
from sandbox.kafka.jars import Jar

FETCH_SECONDS = 600.0
POM = """<project><modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>kafka</artifactId>
<version>1</version><dependencies>
{dependencies}
</dependencies></project>
"""
DEPENDENCY = (
    "<dependency><groupId>{0.group}</groupId><artifactId>{0.artifact}</artifactId>"
    "<version>{0.version}</version></dependency>"
)


def is_there() -> bool:
    """Whether the machine has Maven."""
    return shutil.which("mvn") is not None


def fetch(jars: Sequence[Jar], folder: Path) -> None:
    """Put the jars into the folder; Unavailable with Maven's own words where it fails."""
    with tempfile.TemporaryDirectory(prefix="bl2sm-maven-") as project:
        pom = Path(project) / "pom.xml"
        pom.write_text(POM.format(dependencies="\n".join(DEPENDENCY.format(jar) for jar in jars)))
        command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", "-DexcludeTransitive=true"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={folder.absolute()}"]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", check=False, timeout=FETCH_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unavailable(f"Maven could not fetch Kafka: {error}") from None
        if done.returncode:
            raise Unavailable(f"Maven could not fetch Kafka: {(done.stdout + done.stderr).strip()[-400:]}")
