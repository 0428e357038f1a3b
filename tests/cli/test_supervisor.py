"""The supervisor restarts what crashes, passes signals on, gives up where no restart helps."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from streams.child import begin
from streams.cli import supervisor
from streams.cli.exits import Exit
from streams.cli.supervisor import Supervisor
from streams.settings import Settings

ROOT = Path(__file__).parents[2]
NOTE = """
import os, pathlib, signal, sys, time
folder = pathlib.Path(os.environ["RILLSTREAM_STATE_DIR"])
folder.mkdir(parents=True, exist_ok=True)
(folder / f"start-{os.getpid()}").touch()
"""
UNTIL_TOLD = (
    NOTE
    + """
def leave(number, frame):
    (folder / "drained").write_text(signal.Signals(number).name)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
signal.signal(signal.SIGINT, leave)
(folder / "ready").touch()
time.sleep(30)
"""
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "state", metrics_port=9100)


def supervise(
    settings: Settings, code: str, n_workers: int = 1, first_pause_s: float = 0.5
) -> Supervisor:
    return Supervisor(
        settings,
        n_workers=n_workers,
        command=[sys.executable, "-c", code],
        first_pause_s=first_pause_s,
    )


def starts(settings: Settings, number: int = 0) -> int:
    return len(list((settings.state_dir / f"worker-{number}").glob("start-*")))


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 20
    while not path.exists() or (path.name == "drained" and not path.read_text()):
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.02)


def when_ready(settings: Settings, n_workers: int, *signals: signal.Signals) -> threading.Thread:
    """Send signals to this process once all workers are up."""

    def wait() -> None:
        for n in range(n_workers):
            wait_for(settings.state_dir / f"worker-{n}" / "ready")
        for number in signals:
            os.kill(os.getpid(), number)
            time.sleep(0.2)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_a_worker_that_ends_well_is_not_restarted(settings: Settings) -> None:
    assert supervise(settings, NOTE).run() == Exit.OK
    assert starts(settings) == 1


def test_a_crashed_worker_is_started_again_after_growing_pauses(settings: Settings) -> None:
    crash_twice = NOTE + "sys.exit(1 if len(list(folder.iterdir())) < 3 else 0)"
    assert supervise(settings, crash_twice, first_pause_s=0.5).run() == Exit.OK
    folder = settings.state_dir / "worker-0"
    first, second, third = sorted(start.stat().st_mtime for start in folder.glob("start-*"))
    assert second - first > 0.5
    assert third - second > 1.0


def test_a_fenced_worker_is_started_again_at_once(settings: Settings) -> None:
    fenced_once = NOTE + "sys.exit(75 if len(list(folder.iterdir())) < 2 else 0)"
    begun = time.monotonic()
    assert supervise(settings, fenced_once, first_pause_s=20).run() == Exit.OK
    assert starts(settings) == 2
    assert time.monotonic() - begun < 20  # it did not wait as after a crash


def test_a_fatal_end_stops_all_workers(settings: Settings) -> None:
    code = UNTIL_TOLD.replace(
        "time.sleep(30)",
        "time.sleep(30) if folder.name == 'worker-0' else (time.sleep(0.5), sys.exit(5))",
    )
    assert supervise(settings, code, n_workers=2).run() == Exit.FATAL
    assert (settings.state_dir / "worker-0" / "drained").read_text() == "SIGTERM"
    assert starts(settings, 1) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_every_worker_and_all_drain(
    settings: Settings, number: signal.Signals
) -> None:
    when_ready(settings, 2, number)
    assert supervise(settings, UNTIL_TOLD, n_workers=2).run() == Exit.OK
    for worker in range(2):
        drained = settings.state_dir / f"worker-{worker}" / "drained"
        assert drained.read_text() == number.name


def test_a_signal_in_the_middle_of_a_start_reaches_that_worker_too(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the kill after the time to drain would have ended it."""

    def interrupted(*command: Any) -> subprocess.Popen[bytes]:
        process = begin(*command)
        wait_for(settings.state_dir / "worker-0" / "ready")
        signal.raise_signal(signal.SIGTERM)
        return process

    monkeypatch.setattr(supervisor, "begin", interrupted)
    monkeypatch.setattr(supervisor, "DRAIN_S", 5)
    assert supervise(settings, UNTIL_TOLD).run() == Exit.OK
    assert (settings.state_dir / "worker-0" / "drained").read_text() == "SIGTERM"


def test_a_second_signal_kills_a_worker_that_does_not_drain(settings: Settings) -> None:
    deaf = NOTE + (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n(folder / 'ready').touch()\ntime.sleep(30)"
    )
    when_ready(settings, 1, signal.SIGTERM, signal.SIGTERM)
    begun = time.monotonic()
    supervise(settings, deaf).run()
    assert time.monotonic() - begun < 10


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv (util-linux)")
def test_workers_drain_when_their_supervisor_is_killed(settings: Settings) -> None:
    """What they leave behind would keep the row stores locked for the workers that come next."""
    code = f"""
import sys
from streams.cli.supervisor import Supervisor
from streams.settings import Settings
settings = Settings(state_dir={str(settings.state_dir)!r})
Supervisor(settings, n_workers=1, command=[sys.executable, "-c", {UNTIL_TOLD!r}]).run()
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    worker = settings.state_dir / "worker-0"
    wait_for(worker / "ready")
    process.kill()
    process.wait()
    wait_for(worker / "drained")
    assert (worker / "drained").read_text() == "SIGTERM"


def test_workers_share_nothing_that_must_be_their_own(settings: Settings, tmp_path: Path) -> None:
    tell = NOTE + (
        "names = ('CLIENT_ID', 'METRICS_PORT')\n"
        "(folder / 'own').write_text(' '.join(os.environ['RILLSTREAM_' + n] for n in names))"
    )
    assert supervise(settings, tell, n_workers=2).run() == Exit.OK
    own = [(settings.state_dir / f"worker-{n}" / "own").read_text() for n in range(2)]
    assert own == ["rillstream-0 9100", "rillstream-1 9101"]
