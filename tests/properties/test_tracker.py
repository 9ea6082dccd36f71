"""The offset tracker against a plain set: never past an unfinished entry, never back."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from processor.commit.offset_tracker import OffsetTracker
from tests.harness.cases import cases


class Offsets(RuleBasedStateMachine):
    """Entries come in order with gaps (transaction markers); jobs of one or several end in any order."""

    @initialize(position=st.none() | st.integers(0, 5))
    def begin(self, position: int | None) -> None:
        self.tracker = OffsetTracker(position)
        self.floor = self.best = position
        self.last = -1 if position is None else position - 1
        self.taken: list[int] = []
        self.unfinished: set[int] = set()

    @rule(gap=st.integers(1, 5))
    def take(self, gap: int) -> None:
        self.last += gap
        self.tracker.start(self.last)
        self.taken.append(self.last)
        self.unfinished.add(self.last)

    @precondition(lambda self: self.unfinished)
    @rule(data=st.data())
    def a_job_ends(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sets(st.sampled_from(sorted(self.unfinished)), min_size=1, max_size=4))
        for offset in data.draw(st.permutations(sorted(chosen))):
            self.tracker.done(offset)
            self.unfinished.discard(offset)

    @precondition(lambda self: self.taken and len(self.unfinished) < len(self.taken))
    @rule(data=st.data())
    def an_end_is_told_twice(self, data: st.DataObject) -> None:
        self.tracker.done(data.draw(st.sampled_from(sorted(set(self.taken) - self.unfinished))))

    @invariant()
    def nothing_is_committed_past_an_unfinished_entry(self) -> None:
        position = self.tracker.committable
        if not self.taken:
            assert position == self.floor
            return
        assert position is not None
        assert all(position <= offset for offset in self.unfinished)
        assert all(offset < position for offset in self.taken if offset < min(self.unfinished, default=self.last + 1))
        assert position <= self.last + 1
        assert self.best is None or position >= self.best
        self.best = position

    @invariant()
    def the_open_ones_are_known(self) -> None:
        assert self.tracker.unfinished == len(self.unfinished)
        assert all(self.tracker.is_open(offset) is (offset in self.unfinished) for offset in self.taken)


Offsets.TestCase.settings = settings(max_examples=cases(100, 3000), stateful_step_count=40, deadline=None)
TestOffsets = Offsets.TestCase


@given(order=st.permutations(range(8)), gaps=st.lists(st.integers(1, 3), min_size=8, max_size=8))
def test_every_order_of_completion_ends_after_the_last(order: list[int], gaps: list[int]) -> None:
    offsets = [sum(gaps[: index + 1]) for index in range(8)]
    tracker = OffsetTracker(0)
    for offset in offsets:
        tracker.start(offset)
    for index in order:
        tracker.done(offsets[index])
    assert tracker.committable == offsets[-1] + 1
    assert tracker.unfinished == 0
