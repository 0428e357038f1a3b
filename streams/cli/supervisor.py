"""Keeps N workers running: restarts what crashes, passes signals on, gives up on fatal ends."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import FrameType

from prometheus_client import CollectorRegistry, Counter

from streams.child import RILLSTREAM, begin, environment
from streams.cli.exits import Exit
from streams.cli.supervised import Workers
from streams.health import Health
from streams.probes import offered
from streams.settings import Settings

LONGEST_PAUSE_S = 30.0
HEALTHY_AFTER_S = 60.0
# Beyond the session time-out, after which a worker gives up what a broker that is away holds up.
DRAIN_S = 20.0
# Ends that a restart cannot change: the settings, the arguments or the data have to.
HOPELESS = frozenset({Exit.USAGE, Exit.BAD_INPUT, Exit.FATAL})
# Of several workers the first of these is told; what is not here comes after USAGE.
GRAVEST = (Exit.FATAL, Exit.BAD_INPUT, Exit.USAGE)
LEAST_GRAVE = (Exit.WORLD_DOWN, Exit.FENCED)


@dataclass(slots=True)
class _Child:
    number: int
    command: Sequence[str]
    environment: dict[str, str]
    first_pause_s: float
    pause_s: float
    process: subprocess.Popen[bytes] | None = None
    code: int = Exit.OK
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


class SupervisorMetrics:
    """What a supervisor counts about itself.

    Args:
        registry: Where it is registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.restarts = Counter(
            "rillstream_worker_restarts",
            "Times that a worker which had failed was started again",
            ["worker"],
            registry=registry,
        )


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
        self._settings = settings
        self._health = Health()
        self._metrics = SupervisorMetrics(CollectorRegistry())
        self._all = [
            _Child(number, command, _environment(settings, number), first_pause_s, first_pause_s)
            for number in range(n_workers)
        ]
        self._children = list(self._all)
        self._stopping = False
        self._number: int = signal.SIGTERM
        self._kill_at_s = float("inf")

    def run(self) -> int:
        """Supervise until a signal or until nothing is left to run.

        Returns:
            The gravest of the codes that the workers ended with in their last lives; 0 when all
            ended well.

        Raises:
            SettingsError: Its own port cannot be had; no worker was started.
        """
        port, address = self._settings.metrics_port, self._settings.metrics_address
        ports = [] if port is None else [port_of(port, child.number) for child in self._all]
        workers = Workers(self._health, address, ports)
        with offered(port, address, workers, self._metrics.registry):
            return self._supervise()

    def _supervise(self) -> int:
        previous = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            with self._health.under_way("the supervisor") as moved:
                while self._step():
                    moved()
                    time.sleep(0.05)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        return gravest(child.code for child in self._all)

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
        child.code = self._told(code)
        if child.code == Exit.OK or self._stopping:
            self._children.remove(child)
            if child.code != Exit.OK:
                _say(f"worker {child.number} ended with {code}")
        elif code in HOPELESS:
            self._children.remove(child)
            _say(f"worker {child.number} ended with {code}: no restart can mend that, stopping all")
            self._stop(signal.SIGTERM)
        else:
            pause = child.plan_restart(code)
            self._metrics.restarts.labels(child.number).inc()
            _say(f"worker {child.number} ended with {code}; starting it again in {pause:g} s")

    def _told(self, code: int) -> int:
        """As an exit code of ours; who is told to end before it has begun ends by the signal."""
        if self._stopping and code in (-self._number, 128 + self._number):
            return Exit.OK
        return Exit.UNEXPECTED if code < 0 else code

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._stopping:
            self._kill_at_s = 0.0  # asked twice: do not wait for the drain
        self._stop(number)

    def _stop(self, number: int) -> None:
        if not self._stopping:
            self._stopping = True
            self._kill_at_s = time.monotonic() + self._settings.session_timeout_s + DRAIN_S
        self._number = number
        for child in self._children:
            self._pass_on(child)

    def _pass_on(self, child: _Child) -> None:
        if child.process is not None and child.process.poll() is None:
            child.process.send_signal(self._number)


def port_of(metrics_port: int, number: int) -> int:
    """Where a worker answers; the first port is the supervisor's."""
    return metrics_port + 1 + number


def gravest(codes: Iterable[int]) -> int:
    """Of exit codes: what has to be mended by hand, then what is unknown, then what passes."""

    def gravity(code: int) -> int:
        if code in GRAVEST:
            return GRAVEST.index(code)
        return len(GRAVEST) + 1 + LEAST_GRAVE.index(code) if code in LEAST_GRAVE else len(GRAVEST)

    return min((code for code in codes if code != Exit.OK), key=gravity, default=Exit.OK)


def _environment(settings: Settings, number: int) -> dict[str, str]:
    """Pass on what came from options, and give each worker what may not be shared."""
    own = {
        "STATE_DIR": str(settings.state_dir / f"worker-{number}"),
        "CLIENT_ID": f"{settings.client_id}-{number}",
    }
    if settings.metrics_port is not None:
        own["METRICS_PORT"] = str(port_of(settings.metrics_port, number))
    return environment(settings, **own)


def _say(line: str) -> None:
    print(f"rillstream: {line}", file=sys.stderr, flush=True)
