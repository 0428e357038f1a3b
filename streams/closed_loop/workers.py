"""The loop's worker: brought back when it crashes; policies change under it as it runs."""

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
    """One worker at a time. Rows come back from the changelog: each life has a folder of its own.

    Args:
        settings: Broker and index.
        folder: Holds a folder for each life.
        more: Other settings, by name without prefix.
    """

    def __init__(self, settings: Settings, folder: Path, more: Mapping[str, str]) -> None:
        self._settings = settings
        self._folder = folder
        self._more = dict(more)
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

    def said(self, words: str) -> int:
        """How many lines of all logs have these words."""
        logs = self._folder.glob("*/worker.log")
        return sum(log.read_text(errors="replace").count(words) for log in logs)

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
