"""Bars with rate and time left on a terminal; elsewhere a line now and then."""

import time
from typing import Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from streams.cli.console import Console
from streams.cli.printing import remark

_EVERY_S = 10.0


class Rate(ProgressColumn):
    """So many a second."""

    def render(self, task: Task) -> Text:
        """The rate of late, then of all."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s")


class Bars:
    """One bar a stage, on stderr, so that stdout stays for output."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description:<22}"),
            BarColumn(),
            MofNCompleteColumn(),
            Rate(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._begun: dict[str, tuple[float, int]] = {}
        self._said_s = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def report(self, stage: str, done: int, total: int) -> None:
        """Say how far a stage is; stages appear in the order of their first report."""
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total or None)
            self._begun[stage] = time.monotonic(), done
        self._progress.update(self._tasks[stage], completed=done, total=total or None)
        if self._progress.disable:
            self._say(stage, done, total)

    def _say(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        begun_s, n_before = self._begun[stage]
        # What was done before the first report has no time of its own, and so no rate.
        if now - self._said_s < _EVERY_S or now <= begun_s or not n_before < done < total:
            return
        self._said_s = now
        rate = (done - n_before) / (now - begun_s)
        left = f"{(total - done) / rate:,.0f} s left"
        remark(f"{stage}: {done:,} of {total:,}, {rate:,.0f}/s, {left}")
