"""Does Kafka accept what is recorded: what holds the calls back, the readiness check, and the pause before joining."""

import pytest

from processor.commit.refusals import FORGOTTEN_SECONDS, REPORTED_REFUSALS, Refusals
from runtime.health import Health


class Place:
    def __init__(self, refused: int = 0) -> None:
        self.now, self.health = 100.0, Health()
        self.refusals = Refusals(self.health, lambda: self.now)
        for _ in range(refused):
            self.refusals.refused("the record is too large")

    @property
    def state(self) -> str:
        return self.health.ready()["commits"]


def test_the_first_rejection_raises_doubt_and_the_third_in_a_row_fails_the_check() -> None:
    place = Place()
    assert (place.refusals.doubted, place.state) == (False, "ok")
    for count in range(1, REPORTED_REFUSALS + 1):
        place.refusals.refused("the record is too large")
        assert place.refusals.doubted
        assert (place.state == "ok") is (count < REPORTED_REFUSALS)
    assert "the record is too large" in place.state


def test_an_accepted_transaction_ends_the_doubt_and_the_row_of_rejections() -> None:
    place = Place(refused=5)
    place.refusals.accepted()
    assert (place.refusals.doubted, place.refusals.pause_seconds, place.state) == (False, 0.0, "ok")
    place.refusals.refused("again")
    assert place.state == "ok"


@pytest.mark.parametrize(
    ("refused", "seconds"), [(0, 0.0), (1, 0.0), (2, 1.0), (3, 2.0), (6, 16.0), (7, 30.0), (90, 30.0)]
)
def test_the_group_is_joined_again_after_a_pause_that_grows_and_is_bounded(refused: int, seconds: float) -> None:
    assert Place(refused).refusals.pause_seconds == seconds


def test_rejections_that_are_long_past_are_forgotten() -> None:
    place = Place(refused=3)
    place.now += FORGOTTEN_SECONDS - 1
    place.refusals.look()
    assert place.refusals.doubted
    place.now += 1
    place.refusals.look()
    assert (place.refusals.doubted, place.state) == (False, "ok")
