"""One lane per contact: attempts of the same contact go one after the other, in the order they came."""

from collections import deque

from processor.deliver.attempt import Attempt


class Lanes:
    """Who holds each lane and who waits behind."""

    def __init__(self) -> None:
        self._lanes: dict[str, deque[Attempt]] = {}
        self._lane_of: dict[int, str] = {}

    def enter(self, lane: str, attempt: Attempt) -> bool:
        """Queue an attempt; True when the lane is free and the attempt holds it."""
        queue = self._lanes.setdefault(lane, deque())
        queue.append(attempt)
        self._lane_of[id(attempt)] = lane
        return queue[0] is attempt

    def leave(self, attempt: Attempt) -> Attempt | None:
        """Take an attempt out, wherever it stands; return the one that holds the lane now, if that changed."""
        lane = self._lane_of.pop(id(attempt), None)
        if lane is None:
            return None
        queue = self._lanes[lane]
        held = queue[0] is attempt
        queue.remove(attempt)
        if not queue:
            del self._lanes[lane]
            return None
        return queue[0] if held else None

    def __len__(self) -> int:
        return len(self._lanes)
