import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from processor.commit.offset_tracker import OffsetTracker


class Completions(RuleBasedStateMachine):
    """Entries start in order, with gaps, and end in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.tracker = OffsetTracker(0)
        self.open: list[int] = []
        self.last = -1

    @rule(gap=st.integers(1, 4))
    def start(self, gap: int) -> None:
        self.last += gap
        self.tracker.start(self.last)
        self.open.append(self.last)

    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        if self.open:
            offset = data.draw(st.sampled_from(self.open))
            self.open.remove(offset)
            self.tracker.done(offset)

    @invariant()
    def nothing_is_committed_past_an_unfinished_entry(self) -> None:
        position = self.tracker.committable
        assert position is not None
        if self.open:
            assert position == min(self.open)
        elif self.last >= 0:
            assert position == self.last + 1
        assert self.tracker.unfinished == len(self.open)


TestCompletions = Completions.TestCase


def test_before_the_first_entry_the_committed_position_stays() -> None:
    assert OffsetTracker(17).committable == 17
    assert OffsetTracker(None).committable is None


@given(st.integers(0, 100))
def test_an_offset_is_taken_once(offset: int) -> None:
    tracker = OffsetTracker(0)
    tracker.start(offset)
    with pytest.raises(ValueError, match="before"):
        tracker.start(offset)
