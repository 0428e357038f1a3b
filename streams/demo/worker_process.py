"""The demo's worker: a process of its own, as in production, with its log in a file."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from streams.errors import FatalError

READY = b"worker ready"
DRAIN_S = 15.0


class WorkerEndedError(FatalError):
    """The demo's worker ended by itself; the message has the end of its log."""


class WorkerProcess:
    """`rillstream worker` as a child.

    Args:
        environment: RILLSTREAM_ variables of the child; none of ours are passed on.
        folder: Working folder of the child; holds its log.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self.log = folder / "worker.log"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("RILLSTREAM_")}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli.main", "worker"],
                cwd=folder,
                env={**inherited, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours: we tell it to drain
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def wait_until_ready(self, timeout_s: float) -> None:
        """Return once it has its partitions.

        Raises:
            WorkerEndedError: It ended, or was not ready within `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while READY not in self.log.read_bytes():
            self.check()
            if time.monotonic() > deadline:
                raise WorkerEndedError(
                    f"the worker was not ready within {timeout_s:g} s: {self._tail()}"
                )
            time.sleep(0.05)

    def check(self) -> None:
        """Raise WorkerEndedError if it has ended."""
        code = self._process.poll()
        if code is not None:
            raise WorkerEndedError(f"the worker ended with exit code {code}: {self._tail()}")

    def stop(self) -> None:
        """Let it drain, then make sure that it is gone."""
        self._process.terminate()
        try:
            self._process.wait(DRAIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-8:]) or "its log is empty"
