"""Too much has changed since the version was built, or too long ago: `rillstream index rebuild`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

import structlog

from streams.child import dies_with_parent, environment
from streams.live.index_metrics import IndexMetrics
from streams.settings import Settings

log = structlog.get_logger(__name__)

PAUSE_S: Final = 60.0
"""From the end of a rebuild to the next; twice as long after each that fails, at most an hour."""

_LONGEST_PAUSE_S: Final = 3_600.0
_NO_FAILURE: Final = (0, 6)  # 6: another one builds in this folder (`streams.cli.exits.Exit`)


class Rebuilds:
    """One child process at a time; it ends with this process.

    The index folder has a lock, so of all the workers that notice at once one rebuilds and the
    others' children end at once. What comes of it is announced, and all workers swap.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: IndexMetrics,
        *,
        command: Sequence[str] = (sys.executable, "-m", "streams.cli.main", "index", "rebuild"),
        pause_s: float = PAUSE_S,
    ) -> None:
        """Say when and what.

        Args:
            settings: `rebuild_at`, and those that the child takes over.
            metrics: Counts the starts and the failures.
            command: What to run.
            pause_s: From the end of one to the start of the next, if it did not fail.
        """
        self._settings = settings
        self._metrics = metrics
        self._command = command
        self._pause_s = pause_s
        self._child: subprocess.Popen[bytes] | None = None
        self._not_before_s = 0.0
        self._n_failed = 0

    def consider(self, n_delta: int, *, due: bool = False) -> None:
        """Start one if it is time; called often, by a thread that lives on.

        Args:
            n_delta: Items that have changed since the version was built.
            due: It is time however few they are.
        """
        if self._child is not None:
            code = self._child.poll()
            if code is None:
                return
            self._child = None
            failed = code not in _NO_FAILURE
            self._n_failed = self._n_failed + 1 if failed else 0
            pause_s = min(self._pause_s * 2**self._n_failed, _LONGEST_PAUSE_S)
            if failed:
                self._metrics.rebuild_failures.inc()
                log.warning("index rebuild failed", exit_code=code, next_in_s=pause_s)
            else:
                log.info("index rebuild ended", exit_code=code)
            self._not_before_s = time.monotonic() + pause_s
        at = self._settings.rebuild_at
        if not at or not (due or n_delta > at) or time.monotonic() < self._not_before_s:
            return
        nice = shutil.which("nice")
        self._child = subprocess.Popen(  # noqa: S603
            [*dies_with_parent("TERM"), *([nice, "-n", "15"] if nice else []), *self._command],
            # No bars between the worker's lines on a terminal.
            env={**environment(self._settings), "TTY_COMPATIBLE": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the worker's, which passes it on by ending
        )
        self._metrics.rebuilds.inc()
        log.info("index rebuild started", changed_items=n_delta, due=due, pid=self._child.pid)

    def close(self) -> None:
        """End the child, if there is one; what it has not published is thrown away."""
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(5)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
