"""A worker of the demo's kind: a process of its own, as in production, its log in a file."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from streams.child import RILLSTREAM, begin, end
from streams.errors import FatalError
from streams.settings import ENV_PREFIX, Settings

READY = b"worker ready"
DRAIN_S = 15.0
PACKAGES = Path(__file__).parents[2]


class WorkerEndedError(FatalError):
    """The demo's worker ended by itself; the message has the end of its log.

    Attributes:
        code: Its exit code; None when it was not ready in time.
    """

    def __init__(self, what: str, code: int | None) -> None:
        super().__init__(what)
        self.code = code


def environment(settings: Settings, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Of a child that has these settings and no others.

    Args:
        settings: Broker, index and state.
        more: Other settings, by name without prefix.
    """
    own = {
        "BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "INDEX_DIR": str(settings.index_dir),
        "STATE_DIR": str(settings.state_dir),
        **(more or {}),
    }
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(ENV_PREFIX)}
    return {
        **inherited,
        **{ENV_PREFIX + name: value for name, value in own.items()},
        "PYTHONPATH": str(PACKAGES),
    }


class WorkerProcess:
    """`rillstream worker` as a child.

    Args:
        settings: Broker, index and state of the worker.
        folder: Working folder of the child; holds its log.
        more: Other settings, by name without prefix; it has no more than these.
        words: Another command of the product in its place.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        more: Mapping[str, str] | None = None,
        words: Sequence[str] = ("worker",),
    ) -> None:
        self._what = words[0]
        self._log = folder / f"{self._what}.log"
        with self._log.open("wb") as log:
            self._process = begin(
                (*RILLSTREAM, *words),
                environment(settings, more),
                folder=folder,  # no .env and no rillstream.toml here
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_until_ready(self, timeout_s: float) -> None:
        """Return once it has its partitions.

        Raises:
            WorkerEndedError: It ended, or was not ready within `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while READY not in self._log.read_bytes():
            self.check()
            if time.monotonic() > deadline:
                raise WorkerEndedError(
                    f"the worker was not ready within {timeout_s:g} s: {self.tail()}", None
                )
            time.sleep(0.05)

    def check(self) -> None:
        """Raise WorkerEndedError if it has ended."""
        code = self._process.poll()
        if code is not None:
            raise WorkerEndedError(
                f"the {self._what} ended with exit code {code}: {self.tail()}", code
            )

    def stop(self) -> None:
        """Let it drain, then make sure that it is gone."""
        end(self._process, DRAIN_S)

    def tail(self) -> str:
        """Return the last lines of its log as one."""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-5:]) or "its log is empty"
