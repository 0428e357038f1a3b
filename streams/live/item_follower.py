"""Keeps an edition current while it serves: changes are read aside, applied between two batches."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Final

import structlog

from streams.errors import RetryError
from streams.item_changes import ItemChange
from streams.live.edition import Edition
from streams.live.index_metrics import IndexMetrics
from streams.parts import BetweenBatches

log = structlog.get_logger(__name__)

SLOT_S: Final = 0.002
"""How long changes may hold up the next batch."""

CLOSE_S: Final = 5.0
"""A client that has lost all brokers may never end (`streams.connection`); its thread is left."""

_READ_AT_ONCE: Final = 64
_LOOK_FOR_GAPS_S: Final = 0.5
_MAX_PENDING: Final = 2_048


class ItemFollower(threading.Thread):
    """Keeps one edition current: reads and decodes here, applies between two batches.

    A change is applied in the order of its partition, and once; where serving goes on with another
    edition, that one has a follower of its own, and this one is closed.
    """

    def __init__(
        self, edition: Edition, between_batches: BetweenBatches, metrics: IndexMetrics
    ) -> None:
        super().__init__(name="item-changes", daemon=True)
        self._edition = edition
        self._between_batches = between_batches
        self._metrics = metrics
        self._pending: deque[ItemChange] = deque()
        self._scheduled = False
        self._gaps_next_s = 0.0
        self._done = threading.Event()

    def run(self) -> None:
        """Follow until closed."""
        reader = self._edition.reader
        while not self._done.is_set():
            if len(self._pending) >= _MAX_PENDING:
                self._done.wait(SLOT_S)
                continue
            try:
                self._pending.extend(reader.read(_READ_AT_ONCE, 0.2))
                self._look_for_gaps()
            except RetryError as error:
                log.warning("item changes interrupted, trying again", error=str(error))
                self._done.wait(1.0)
            except Exception:  # without this thread the worker would serve ever older items
                log.exception("item changes could not be read, trying again")
                self._done.wait(1.0)
            self._schedule()
        self._edition.close()

    def end(self) -> None:
        """Apply nothing more, and stop reading; does not wait."""
        self._done.set()

    def close(self) -> None:
        """The same; waits for the end, but not for ever: see `CLOSE_S`."""
        self.end()
        if self.is_alive():
            self.join(CLOSE_S)
        self._pending.clear()

    def _look_for_gaps(self) -> None:
        """Items that workers of another encoder have taken."""
        if time.monotonic() >= self._gaps_next_s:
            self._pending.extend(self._edition.gaps.follow(self._edition.tower))
            self._gaps_next_s = time.monotonic() + _LOOK_FOR_GAPS_S

    def _schedule(self) -> None:
        if self._pending and not self._scheduled and not self._done.is_set():
            self._scheduled = True
            self._between_batches(self._apply_some)

    def _apply_some(self) -> None:
        """A bounded amount of what waits; in the compute thread."""
        if self._done.is_set():
            return
        edition, deadline = self._edition, time.monotonic() + SLOT_S
        while self._pending and time.monotonic() < deadline:
            change = self._pending.popleft()
            try:
                edition.apply(change)
            except Exception:  # a fault of ours must not stop the lists
                self._metrics.unreadable.inc()
                log.exception("item change could not be applied", item_id=change.item_id)
            else:
                self._metrics.applied(change.at_ms)
        self._metrics.sized(edition.live.n_delta, edition.live.n_tombstones)
        self._scheduled = False
        self._schedule()
