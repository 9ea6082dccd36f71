"""Which offset of one partition may be committed: never past an unfinished entry, whatever the order of completion."""

from collections import OrderedDict


class OffsetTracker:
    """Entries of one partition in the order they were taken; offsets may have gaps (transaction markers)."""

    def __init__(self, position: int | None) -> None:
        self._position = position
        self._open: OrderedDict[int, bool] = OrderedDict()
        self._last = -1 if position is None else position - 1

    def start(self, offset: int) -> None:
        """Take an entry in; offsets must rise."""
        if offset <= self._last:
            raise ValueError(f"offset {offset} was taken before (last: {self._last})")
        if self._position is None or not self._open:
            self._position = offset
        self._open[offset] = False
        self._last = offset

    def done(self, offset: int) -> None:
        """Note that the entry has its outcome; told twice, it counts once."""
        if offset not in self._open:
            return
        self._open[offset] = True
        while self._open:
            first, finished = next(iter(self._open.items()))
            if not finished:
                self._position = first
                return
            del self._open[first]
            self._position = first + 1

    def is_open(self, offset: int) -> bool:
        """Whether this entry is still without an outcome."""
        return self._open.get(offset) is False

    @property
    def committable(self) -> int | None:
        """The offset to commit: of the first unfinished entry, else after the last one; None before the first."""
        return self._position

    @property
    def unfinished(self) -> int:
        """How many entries are taken and have no outcome."""
        return sum(not finished for finished in self._open.values())
