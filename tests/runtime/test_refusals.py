"""Rejected transactions make a program unready after a few in a row, and it recovers by itself."""

from runtime.health import Health
from runtime.refusals import FORGOTTEN_SECONDS, LONGEST_PAUSE_SECONDS, UNREADY_AFTER, Refusals


def test_one_rejection_is_no_alarm_and_a_few_in_a_row_are_until_one_is_accepted() -> None:
    health = Health()
    refusals = Refusals(health)
    assert health.ready()["commits"] == "ok"
    for _ in range(UNREADY_AFTER - 1):
        refusals.rejected("too large", 100.0)
    assert refusals.doubted
    assert health.ready()["commits"] == "ok"
    refusals.rejected("too large", 100.0)
    assert health.ready()["commits"] == f"Kafka rejected the last {UNREADY_AFTER} transactions: too large"
    refusals.accepted()
    assert not refusals.doubted
    assert health.ready()["commits"] == "ok"


def test_rejections_that_others_interrupt_are_not_in_a_row() -> None:
    health = Health()
    refusals = Refusals(health)
    for _ in range(5):
        refusals.rejected("too large", 100.0)
        refusals.rejected("too large", 100.0)
        refusals.accepted()
    assert health.ready()["commits"] == "ok"


def test_the_pause_grows_with_each_rejection_and_has_a_bound() -> None:
    refusals, pauses = Refusals(Health()), []
    for _ in range(9):
        pauses.append(refusals.pause_seconds)
        refusals.rejected("too large", 100.0)
    assert pauses == [0, 0, 1, 2, 4, 8, 16, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]
    refusals.accepted()
    assert refusals.pause_seconds == 0


def test_rejections_that_are_long_past_are_forgotten() -> None:
    health = Health()
    refusals = Refusals(health)
    for _ in range(UNREADY_AFTER):
        refusals.rejected("too large", 100.0)
    refusals.turn(99.0 + FORGOTTEN_SECONDS)
    assert health.ready()["commits"] != "ok"
    refusals.turn(100.0 + FORGOTTEN_SECONDS)
    assert health.ready()["commits"] == "ok"
