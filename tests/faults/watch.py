"""The group's offsets, looked at while everything runs: they never go back."""

import threading

from confluent_kafka import KafkaException

from tests.harness.topics import committed_offsets


class OffsetsWatch(threading.Thread):
    """`went_back` names every offset that was lower than before."""

    def __init__(self, kafka: str, prefix: str) -> None:
        super().__init__(daemon=True)
        self._kafka, self._prefix = kafka, prefix
        self._over = threading.Event()
        self._seen: dict[int, int] = {}
        self.went_back: list[str] = []
        self.looks = 0

    def run(self) -> None:
        """Look about once a second."""
        while not self._over.wait(1.0):
            try:
                offsets = committed_offsets(self._kafka, self._prefix)
            except (KafkaException, TimeoutError):
                continue  # the group is being made, or the broker is away
            self.looks += 1
            for partition, offset in offsets.items():
                if offset < self._seen.get(partition, 0):
                    self.went_back.append(f"partition {partition}: from {self._seen[partition]} to {offset}")
                self._seen[partition] = offset

    def forget(self) -> None:
        """Forget what was seen: the group's offsets were removed at the broker."""
        self._seen = {}

    def end(self) -> None:
        """Stop looking."""
        self._over.set()
        self.join(40)
