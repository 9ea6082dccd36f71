"""What a replay leaves in the moved offset's metadata. Pure."""

from operations.replay import mark
from schemas.progress import Gap, Progress

GAP = Gap("0@1", 5)


def test_a_replay_under_way_goes_on_to_its_own_end() -> None:
    assert mark(Progress("T", replay_until=90, dead_streak=3, at=7, gap=GAP), "T", 40) == Progress("T", 90, 0, 7, GAP)
    assert mark(None, "T", 40) == Progress("T", 40)


def test_a_replays_end_in_a_topic_that_was_made_anew_is_none_here() -> None:
    assert mark(Progress("before", replay_until=9000, gap=GAP), "T", 40) == Progress("T", 40, gap=GAP)
