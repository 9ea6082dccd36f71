"""One lane a contact: jobs of the same contact go one after the other, in the order they came."""

from collections import deque

from processor.job import Job


class Lanes:
    """Who holds each lane and who waits behind."""

    def __init__(self) -> None:
        self._lanes: dict[str, deque[Job]] = {}
        self._lane_of: dict[int, str] = {}

    def enter(self, lane: str, job: Job) -> bool:
        """Queue a job; True when the lane is free and the job holds it."""
        queue = self._lanes.setdefault(lane, deque())
        queue.append(job)
        self._lane_of[id(job)] = lane
        return queue[0] is job

    def leave(self, job: Job) -> Job | None:
        """Take a job out, wherever it stands; return the one that holds the lane now, if that changed."""
        lane = self._lane_of.pop(id(job), None)
        if lane is None:
            return None
        queue = self._lanes[lane]
        held = queue[0] is job
        queue.remove(job)
        if not queue:
            del self._lanes[lane]
            return None
        return queue[0] if held else None

    def same(self, job: Job, other: Job | None) -> bool:
        """Whether two jobs are in one lane: the one behind waits for the one before."""
        lane = self._lane_of.get(id(other)) if other is not None else None
        return lane is not None and self._lane_of.get(id(job)) == lane

    def __len__(self) -> int:
        return len(self._lanes)
