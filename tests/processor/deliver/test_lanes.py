"""One lane per contact."""

from processor.deliver.lanes import Lanes
from tests.processor.deliver.attempts import an_attempt


def test_one_contact_is_one_lane_in_the_order_of_entering() -> None:
    lanes = Lanes()
    first, second, other = an_attempt(), an_attempt(), an_attempt()
    assert lanes.enter("a", first)
    assert not lanes.enter("a", second)
    assert lanes.enter("b", other)
    assert lanes.leave(first) is second
    assert lanes.leave(second) is None
    assert len(lanes) == 1


def test_one_that_waits_may_leave_and_hands_the_lane_to_nobody() -> None:
    lanes = Lanes()
    first, second, third = an_attempt(), an_attempt(), an_attempt()
    for attempt in (first, second, third):
        lanes.enter("a", attempt)
    assert lanes.leave(second) is None
    assert lanes.leave(second) is None
    assert lanes.leave(first) is third
