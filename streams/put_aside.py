"""Dead letters -> a line in the log now and then; what they are, `dead-letters list` tells."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from streams.dead_letter import HEADER_TOPIC
from streams.outbox import Letter

log = structlog.get_logger(__name__)

EVERY_S: Final = 10.0


class PutAside:
    """Says that records could not be read: at once, and then of all that came within 10 s.

    How many and of which topics, and nothing of what they say: reasons name users. The end of a
    burst is told with the next one; the metric has every one of them.

    Args:
        clock: Seconds, for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting = Counter[str]()
        self._said_s = -EVERY_S

    def tell(self, letters: Sequence[Letter]) -> None:
        """Hand in the dead letters of a batch once they are durable."""
        if not letters:
            return
        self._waiting.update(dict(letter.headers)[HEADER_TOPIC].decode() for letter in letters)
        now_s = self._clock()
        if now_s - self._said_s < EVERY_S:
            return
        self._said_s = now_s
        log.warning(
            "records could not be read: see rillstream dead-letters list",
            records=dict(self._waiting),
        )
        self._waiting.clear()
