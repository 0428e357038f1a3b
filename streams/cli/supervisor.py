"""Keeps N workers running: restarts what crashes, passes signals on, gives up on fatal ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType

from streams.child import RILLSTREAM, begin
from streams.cli.exits import Exit
from streams.settings import ENV_PREFIX, Settings

LONGEST_PAUSE_S = 30.0
HEALTHY_AFTER_S = 60.0
DRAIN_S = 30.0
# Ends that a restart cannot change: the settings, the arguments or the data have to.
HOPELESS = frozenset({Exit.USAGE, Exit.BAD_INPUT, Exit.FATAL})


@dataclass(slots=True)
class _Child:
    number: int
    command: Sequence[str]
    environment: dict[str, str]
    first_pause_s: float
    pause_s: float
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    start_at_s: float = 0.0

    def spawn(self) -> None:
        self.started_s = time.monotonic()
        # Ctrl-C reaches the supervisor alone, which passes it on once.
        self.process = begin(self.command, self.environment)

    def plan_restart(self, code: int) -> float:
        """Return the pause before the next start; it doubles until one stays up for a while."""
        if time.monotonic() - self.started_s > HEALTHY_AFTER_S:
            self.pause_s = self.first_pause_s
        pause = 0.0 if code == Exit.FENCED else self.pause_s
        self.pause_s = min(self.pause_s * 2, LONGEST_PAUSE_S)
        self.process, self.start_at_s = None, time.monotonic() + pause
        return pause


class Supervisor:
    """Runs workers with a state folder, a client id and a metrics port each.

    Args:
        settings: Settings of all workers.
        n_workers: How many processes.
        command: What to run in each, `rillstream worker` by default.
        first_pause_s: Pause before the first restart; each next one is twice as long.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        n_workers: int,
        command: Sequence[str] | None = None,
        first_pause_s: float = 0.5,
    ) -> None:
        command = command or (*RILLSTREAM, "worker")
        self._children = [
            _Child(number, command, _environment(settings, number), first_pause_s, first_pause_s)
            for number in range(n_workers)
        ]
        self._stopping = False
        self._number: int = signal.SIGTERM
        self._kill_at_s = float("inf")
        self._code: int = Exit.OK

    def run(self) -> int:
        """Supervise until a signal or until nothing is left to run; return the exit code."""
        previous = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            while self._step():
                time.sleep(0.05)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        return self._code

    def _step(self) -> bool:
        """Look after every child once; tell whether any is left."""
        for child in list(self._children):
            if child.process is None:
                if self._stopping:
                    self._children.remove(child)
                elif time.monotonic() >= child.start_at_s:
                    self._start(child)
            elif (code := child.process.poll()) is not None:
                self._ended(child, code)
            elif time.monotonic() > self._kill_at_s:
                child.process.kill()
        return bool(self._children)

    def _start(self, child: _Child) -> None:
        child.spawn()
        if self._stopping:  # the signal came in the middle of it
            self._pass_on(child)

    def _ended(self, child: _Child, code: int) -> None:
        if code == Exit.OK or self._stopping:
            self._children.remove(child)
        elif code in HOPELESS:
            self._children.remove(child)
            self._code = code
            _say(f"worker {child.number} ended with {code}: no restart can mend that, stopping all")
            self._stop(signal.SIGTERM)
        else:
            pause = child.plan_restart(code)
            _say(f"worker {child.number} ended with {code}; starting it again in {pause:g} s")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._stopping:
            self._kill_at_s = 0.0  # asked twice: do not wait for the drain
        self._stop(number)

    def _stop(self, number: int) -> None:
        if not self._stopping:
            self._stopping = True
            self._kill_at_s = time.monotonic() + DRAIN_S
        self._number = number
        for child in self._children:
            self._pass_on(child)

    def _pass_on(self, child: _Child) -> None:
        if child.process is not None and child.process.poll() is None:
            child.process.send_signal(self._number)


def _environment(settings: Settings, number: int) -> dict[str, str]:
    """Pass on what came from options, and give each worker what may not be shared."""
    own = {
        "BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "INDEX_DIR": str(settings.index_dir),
        "STATE_DIR": str(settings.state_dir / f"worker-{number}"),
        "CLIENT_ID": f"{settings.client_id}-{number}",
    }
    if settings.encoder is not None:
        own["ENCODER"] = settings.encoder
    if settings.metrics_port is not None:
        own["METRICS_PORT"] = str(settings.metrics_port + number)
    return {**os.environ, **{ENV_PREFIX + name: value for name, value in own.items()}}


def _say(line: str) -> None:
    print(f"rillstream: {line}", file=sys.stderr, flush=True)
