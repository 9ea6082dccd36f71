"""One lane per contact."""

from processor.deliver.lanes import Lanes
from processor.job import Job
from tests.processor.entries import entry


def test_one_contact_is_one_lane_in_the_order_of_entering() -> None:
    lanes = Lanes()
    first, second, other = (Job(number, 0, None, [entry(1)]) for number in (1, 2, 3))
    assert lanes.enter("a", first)
    assert not lanes.enter("a", second)
    assert lanes.enter("b", other)
    assert lanes.leave(first) is second
    assert lanes.leave(second) is None
    assert len(lanes) == 1
