"""`python -m sandbox.kafka.lock_jars`: resolve the broker's jars, write them with their SHA-256 into jars.lock."""

import hashlib
import tempfile
from pathlib import Path

from jgo.maven import MavenContext

from sandbox.kafka.jars import KAFKA, LOCK, LOG4J

# two requests: beside log4j, whose BOM names an older kafka-clients, jgo would take that one
REQUESTS = (
    [f"org.apache.kafka:{name}:{KAFKA}" for name in ("kafka_2.13", "kafka-clients", "kafka-server")],
    [f"org.apache.logging.log4j:log4j-slf4j-impl:{LOG4J}"],
)


def main() -> None:
    """Write the list."""
    lines: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        maven = MavenContext(repo_cache=Path(folder), local_repos=[])
        for request in REQUESTS:
            asked, needed = maven.resolver.resolve([maven.create_dependency(one) for one in request])
            for dependency in [*asked, *(one for one in needed if one.scope in {"compile", "runtime"})]:
                jar = dependency.artifact
                digest = hashlib.sha256(jar.resolve().read_bytes()).hexdigest()
                lines.setdefault(f"{jar.groupId}:{jar.artifactId}", f"{jar.version} {digest}")
    LOCK.write_text("".join(f"{name}:{rest}\n" for name, rest in sorted(lines.items())))


if __name__ == "__main__":
    main()
