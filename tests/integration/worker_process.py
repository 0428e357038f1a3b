"""Workers as processes of their own, for tests that stop, kill and start them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr

from streams.security import Security
from streams.settings import Settings

ROOT = Path(__file__).parents[2]
TAIL = 3_000


def log_tails(folder: Path) -> str:
    """The end of each worker's log."""
    return "".join(
        f"\n--- {path.name}\n{path.read_text(errors='replace')[-TAIL:].strip()}"
        for path in sorted(folder.glob("*.log"))
    )


def security_variables(security: Security) -> dict[str, str]:
    """Environment of a process that is to connect likewise; holds the secrets, never print it."""
    return {
        f"RILLSTREAM_SECURITY__{name.upper()}": (
            value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        )
        for name, value in security.model_dump(exclude_defaults=True).items()
    }


class WorkerProcess:
    """One life of a worker after the other, with one state folder."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        *,
        event_loop: str = "uvloop",
        module: str = "tests.integration.shop_worker",
    ) -> None:
        self._module = module
        self.state_dir = settings.state_dir / name
        self._log = settings.state_dir.parent / f"{name}.log"
        self._event_loop = event_loop
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.exits: list[int] = []

    def start(self, crash_at: str | None = None, *, freeze_at: str | None = None) -> None:
        """Begin a life; it ends by itself at `crash_at`, or stops at `freeze_at` until SIGCONT."""
        settings = self._settings
        fields = settings.model_dump(
            include={
                "bootstrap_servers",
                "app_id",
                "topic_prefix",
                "index_dir",
                "session_timeout_s",
                "heartbeat_s",
                "partitions",
                "batch_max",
                "slate_size",
                "delivery",
                "store",
                "static_membership",
                "max_message_bytes",
                "rebuild_at",
                "shop_counts",
                "metrics_port",
            },
            exclude_none=True,
        )
        env = {f"RILLSTREAM_{name.upper()}": str(value) for name, value in fields.items()}
        env |= security_variables(settings.security)
        env |= {"RILLSTREAM_STATE_DIR": str(self.state_dir), "EVENT_LOOP": self._event_loop}
        if crash_at is not None:
            env["CRASH_AT"] = crash_at
        if freeze_at is not None:
            env["FREEZE_AT"] = freeze_at
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module],
                cwd=ROOT,
                env={**os.environ, **env},
                stdout=log,
                stderr=log,
            )

    def ended(self) -> int | None:
        """Its exit code, negative for a signal; None while it lives."""
        assert self._process is not None
        return self._process.poll()

    def wait(self, timeout_s: float) -> int:
        """Wait for its end."""
        assert self._process is not None
        try:
            self.exits.append(self._process.wait(timeout_s))
        except subprocess.TimeoutExpired:
            told = f"it lives after {timeout_s} s{log_tails(self._log.parent)}"
            raise AssertionError(told) from None
        return self.exits[-1]

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM, and its exit code after draining."""
        self.send(signal.SIGTERM)
        return self.wait(30)

    def kill(self) -> None:
        """Kill -9, if it still lives."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    def n_ready(self) -> int:
        """How many times a life of it became ready."""
        return self._log.read_bytes().count(b"worker ready") if self._log.exists() else 0

    def wait_for_log(self, text: str, n: int = 1, timeout_s: float = 60) -> None:
        """Until it has printed a text so many times."""
        deadline = time.monotonic() + timeout_s
        while self.log_text().count(text) < n:
            assert self.ended() is None, self.log_text()[-TAIL:]
            assert time.monotonic() < deadline, self.log_text()[-TAIL:]
            time.sleep(0.05)

    def log_text(self) -> str:
        """What it printed."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""


@contextmanager
def workers(*processes: WorkerProcess) -> Iterator[None]:
    """Nothing outlives the test."""
    try:
        yield
    finally:
        for process in processes:
            process.send(signal.SIGCONT) if process.ended() is None else None
            process.kill()
