"""The loop's worker: brought back when it crashes, replaced when there is a new policy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from streams.cli.printing import remark
from streams.demo.worker_process import WorkerEndedError, WorkerProcess
from streams.settings import Settings

READY_S: Final = 120.0
MOST_CRASHES: Final = 10


class Workers:
    """One worker at a time, apart from a swap: the successor is ready before the other drains.

    Rows come back from the changelog, so that each life has a state folder of its own. On the
    embedded broker, which shows nothing about rebalances, the old one ends first.

    Args:
        settings: Broker and index.
        folder: Holds a folder for each life.
        more: Other settings, by name without prefix.
        broker: `embedded`, or another.
    """

    def __init__(
        self, settings: Settings, folder: Path, more: Mapping[str, str], broker: str
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._more = dict(more)
        self._one_at_a_time = broker == "embedded"
        self._worker: WorkerProcess | None = None
        self.n_lives = 0
        self.n_crashes = 0

    def start(self) -> None:
        """Start one; returns when it has its partitions.

        Raises:
            WorkerEndedError: It ended, or was not ready in time.
        """
        self._worker = self._begin()
        self._worker.wait_until_ready(READY_S)

    def look_after(self) -> None:
        """Start it again if it has crashed.

        Raises:
            WorkerEndedError: It has crashed too often.
        """
        if self._worker is None:
            return
        try:
            self._worker.check()
        except WorkerEndedError as ended:
            self.n_crashes += 1
            if self.n_crashes > MOST_CRASHES:
                raise
            remark(f"{ended}; starting it again")
            self._worker = self._begin()

    def swap(self, more: Mapping[str, str]) -> None:
        """Put another in its place, which reads the settings' files anew and has more of them."""
        self._more |= more
        old = self._worker
        if self._one_at_a_time and old is not None:
            old.stop()
        self.start()
        if not self._one_at_a_time and old is not None:
            old.stop()

    def stop(self) -> None:
        """End it."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def _begin(self) -> WorkerProcess:
        self.n_lives += 1
        place = self._folder / str(self.n_lives)
        place.mkdir(parents=True)
        settings = self._settings.model_copy(update={"state_dir": place / "state"})
        return WorkerProcess(settings, place, self._more)
