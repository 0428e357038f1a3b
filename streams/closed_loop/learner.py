"""The loop's online learner: `rillstream learn` as a child, from the first ranker on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from streams.cli.printing import remark
from streams.demo.worker_process import WorkerEndedError, WorkerProcess
from streams.settings import Settings

EVERY_S: Final = 60


class Learner:
    """Publishes new heads every minute; a loop goes on without it.

    Args:
        settings: Of the loop.
        folder: Its state and its log.
        more: Other settings, by name without prefix.
    """

    def __init__(self, settings: Settings, folder: Path, more: Mapping[str, str]) -> None:
        self._settings = settings.model_copy(update={"state_dir": folder / "state"})
        self._folder = folder
        self._more = more
        self._process: WorkerProcess | None = None
        self._ended: str | None = None

    @property
    def is_started(self) -> bool:
        """Whether it was started, ended or not."""
        return self._process is not None

    def start(self, ranker: Path) -> None:
        """Start it on the heads of a ranker."""
        self._folder.mkdir(parents=True)
        words = ("learn", "--ranker", str(ranker), "--every", str(EVERY_S), "--json")
        self._process = WorkerProcess(self._settings, self._folder, self._more, words)

    def look_after(self) -> None:
        """Note it if it has ended."""
        if self._process is None or self._ended is not None:
            return
        try:
            self._process.check()
        except WorkerEndedError as ended:
            self._ended = str(ended)
            remark(f"online learning: {ended}")

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.stop()

    def said(self) -> str:
        """How it went, for the report."""
        if self._process is None:
            return "not started: there was no ranker"
        rounds = said_rounds(self._folder / "learn.log")
        back = sum(bool(one["rolled_back"]) for one in rounds)
        return (self._ended or f"a round every {EVERY_S} s") + (
            f": {len(rounds)} rounds, {sum(int(one['lists']) for one in rounds):,} lists, "
            f"{back} rolled back"
        )


def said_rounds(log: Path) -> list[dict[str, Any]]:
    """The rounds of `rillstream learn --json`, out of a log that holds other lines as well."""
    found = []
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("{") and line.endswith("}"):
            found.append(json.loads(line))
    return found
