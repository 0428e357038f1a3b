"""How far event time has come: what is older than that is not waited for any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Final

from streams.positions import Source

IDLE_S: Final = 30.0

_PAUSE_S: Final = 5.0
"""A pause of the reading counts for so much: a broker's restart makes no partition idle."""


class Watermark:
    """The newest moment of the source partition that is furthest behind, less the lateness.

    A partition that has said nothing for `idle_s` holds nothing up: a shop's partitions are read
    side by side, so one with a backlog is heard all the time. (Akidau et al., VLDB 2015.)

    No record is newer than its message. Of thousands of shoppers one always has a clock that is
    minutes ahead: taken at its word, it would make all that the others do come too late.
    """

    def __init__(
        self,
        sources: Collection[Source],
        lateness_ms: int,
        *,
        idle_s: float = IDLE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with none.

        Args:
            sources: All partitions that are read.
            lateness_ms: How much older than the newest of its partition a record may be.
            idle_s: Of this process, while it reads.
            clock: Seconds.
        """
        self._lateness_ms = lateness_ms
        self._idle_s = idle_s
        self._clock = clock
        self._looked_s = clock()
        self._read_s = 0.0
        self._newest_ms: dict[Source, int] = {}
        self._heard_s = dict.fromkeys(sources, 0.0)
        self._at_ms: int | None = None

    def observe(self, source: Source, at_ms: int, sent_ms: int) -> None:
        """A record was read.

        Args:
            source: Where.
            at_ms: Its event time.
            sent_ms: Its message's timestamp; below 1 = it has none.
        """
        if sent_ms > 0:
            at_ms = min(at_ms, sent_ms)
        self._heard_s[source] = self._now_s()
        self._newest_ms[source] = max(at_ms, self._newest_ms.get(source, at_ms))

    def end(self, source: Source) -> None:
        """Nothing more comes from there."""
        self._heard_s.pop(source, None)

    @property
    def at_ms(self) -> int | None:
        """It never goes back; None while nothing is known."""
        now = self._now_s()
        awake = [source for source, at in self._heard_s.items() if now - at <= self._idle_s]
        if awake and all(source in self._newest_ms for source in awake):
            found = min(self._newest_ms[source] for source in awake) - self._lateness_ms
            self._at_ms = found if self._at_ms is None else max(self._at_ms, found)
        return self._at_ms

    def _now_s(self) -> float:
        """Seconds of reading so far; a look is made at each record and after each batch."""
        looked_s, self._looked_s = self._looked_s, self._clock()
        self._read_s += min(self._looked_s - looked_s, _PAUSE_S)
        return self._read_s
