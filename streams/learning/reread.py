"""From where a partition is read again after a restart, so that open lists are whole again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from streams.positions import GroupPositions, Source


class Reread:
    """What was read of one partition, run by run, as long as it may be needed again."""

    def __init__(self) -> None:
        self._runs: deque[tuple[int, int]] = deque()

    def note(self, begin: int, newest_ms: int) -> None:
        """A run was read.

        Args:
            begin: Its first offset.
            newest_ms: Event time of the newest record in it; -1 = it has none that counts.
        """
        self._runs.append((begin, newest_ms))

    def start(self, horizon_ms: int, end: int) -> int:
        """The offset before which nothing is as new as `horizon_ms`; `end` when all is older."""
        while self._runs and self._runs[0][1] < max(horizon_ms, 0):
            self._runs.popleft()
        return self._runs[0][0] if self._runs else end


class RereadPositions(GroupPositions):
    """Reading goes on where the note beside the committed position says, a little before it.

    The position itself says how far has been read; both are committed in one transaction.
    """

    def next_to_read(self, sources: Iterable[Source], timeout_s: float) -> dict[Source, int]:
        """See `GroupPositions.next_to_read`."""
        found = {}
        for source, (offset, note) in self.noted(sources, timeout_s).items():
            start = self.start(source, timeout_s)
            found[source] = start if offset is None else max(start, int(note or offset))
        return found
