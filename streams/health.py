"""How a process is, as its parts say and its platform asks: live, and ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from streams.settings import Settings

STUCK_AFTER_S: Final = 300.0


class Health:
    """What the parts of a worker say of themselves; any thread may say it, and any may ask.

    Not live is a process in which something is under way that has not moved for `limit_s`: only
    another life helps. Whoever waits for the world (for events, for a broker that is away, for
    partitions, for rows that are being read from the changelog) has nothing under way, or says that
    it moves.

    Ready is a process that has its partitions and their rows.
    """

    def __init__(
        self, limit_s: float = STUCK_AFTER_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Not ready yet, and nothing under way.

        Args:
            limit_s: Longer than any single step takes that ends by itself.
            clock: Seconds.
        """
        self._limit_s = limit_s
        self._clock = clock
        self._under_way: dict[object, tuple[str, float]] = {}
        self._waits: str | None = "it is starting"

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Of a worker; one call of the broker may last as long as the session time-out."""
        return cls(STUCK_AFTER_S + settings.session_timeout_s)

    @contextmanager
    def under_way(self, what: str) -> Iterator[Callable[[], None]]:
        """Something has begun, and ends with the block; call what it gives when it has moved."""
        one = object()  # two of a kind may overlap

        def moved() -> None:
            if one in self._under_way:
                self._under_way[one] = what, self._clock()

        self._under_way[one] = what, self._clock()
        try:
            yield moved
        finally:
            del self._under_way[one]

    def ready(self) -> None:
        """From now on it does what it is there for."""
        self._waits = None

    def not_ready(self, why: str) -> None:
        """From now on it does not."""
        self._waits = why

    def why_not_ready(self) -> str | None:
        """What it waits for; None = it is ready."""
        return self._waits

    def why_dead(self) -> str | None:
        """What stands still, and for how long; None = it is live."""
        now = self._clock()
        stuck = [
            f"{what} has not moved for {now - at:.0f} s"
            for what, at in self._under_way.copy().values()
            if now - at > self._limit_s
        ]
        return ", ".join(stuck) or None
