"""The supervisor restarts what crashes, passes signals on, gives up where no restart helps."""

import os
import shutil
import signal
import socket
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
from streams.cli.supervisor import Supervisor, gravest
from streams.errors import SettingsError
from streams.settings import Settings
from tests.streams.asking import ask, ask_until, free_port

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
    return Settings(state_dir=tmp_path / "state", metrics_port=free_port())


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


def test_workers_have_what_was_set_by_an_option(tmp_path: Path) -> None:
    """An object store that --index-url named: without it they would serve the folder alone."""
    settings = Settings(
        state_dir=tmp_path / "state",
        bootstrap_servers="kafka:9092",
        index_dir=tmp_path / "versions",
        index_url="memory://shop",
        encoder="models/shop",
    )
    names = ("BOOTSTRAP_SERVERS", "INDEX_DIR", "INDEX_URL", "ENCODER")
    tell = NOTE + (
        f"said = [os.environ['RILLSTREAM_' + n] for n in {names}]\n"
        "(folder / 'options').write_text('\\n'.join(said))"
    )
    assert supervise(settings, tell).run() == Exit.OK
    said = (settings.state_dir / "worker-0" / "options").read_text().splitlines()
    assert said == ["kafka:9092", str(tmp_path / "versions"), "memory://shop", "models/shop"]


def test_workers_share_nothing_that_must_be_their_own(settings: Settings, tmp_path: Path) -> None:
    tell = NOTE + (
        "names = ('CLIENT_ID', 'METRICS_PORT')\n"
        "(folder / 'own').write_text(' '.join(os.environ['RILLSTREAM_' + n] for n in names))"
    )
    assert supervise(settings, tell, n_workers=2).run() == Exit.OK
    own = [(settings.state_dir / f"worker-{n}" / "own").read_text() for n in range(2)]
    assert settings.metrics_port is not None
    ports = settings.metrics_port + 1, settings.metrics_port + 2  # the first is the supervisor's
    assert own == [f"rillstream-{n} {port}" for n, port in enumerate(ports)]


def ending_with(code: str) -> str:
    """A worker that ends so when it is told to."""
    return UNTIL_TOLD.replace("sys.exit(0)", code)


def test_a_worker_that_fails_while_it_drains_is_told(settings: Settings) -> None:
    when_ready(settings, 2, signal.SIGTERM)
    code = ending_with("sys.exit(3 if folder.name == 'worker-1' else 0)")
    assert supervise(settings, code, n_workers=2).run() == Exit.WORLD_DOWN


def test_a_worker_that_had_to_be_killed_is_told(settings: Settings) -> None:
    when_ready(settings, 1, signal.SIGTERM, signal.SIGTERM)
    deaf = NOTE + (
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n(folder / 'ready').touch()\ntime.sleep(30)"
    )
    assert supervise(settings, deaf).run() == Exit.UNEXPECTED


def test_a_worker_that_waits_for_its_broker_is_given_the_session_time_out(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it gives up by itself, and says so."""
    monkeypatch.setattr(supervisor, "DRAIN_S", 0.5)
    when_ready(settings, 1, signal.SIGTERM)
    longer = settings.model_copy(update={"session_timeout_s": 5.0})
    code = ending_with("(time.sleep(1.5), sys.exit(3))")
    assert supervise(longer, code).run() == Exit.WORLD_DOWN


def test_a_worker_that_is_stopped_before_it_listens_ended_well(settings: Settings) -> None:
    """SIGTERM while it imports: nothing was under way. The second is the command line's answer."""
    when_ready(settings, 2, signal.SIGTERM)
    code = NOTE + (
        "signal.signal(signal.SIGTERM, signal.SIG_DFL if folder.name == 'worker-0' "
        "else lambda *_: sys.exit(143))\n"
        "(folder / 'ready').touch()\ntime.sleep(30)"
    )
    assert supervise(settings, code, n_workers=2).run() == Exit.OK


def test_a_worker_that_waits_to_be_started_again_is_told(settings: Settings) -> None:
    supervisor = supervise(settings, NOTE + "sys.exit(3)", first_pause_s=20)

    def stop_meanwhile() -> None:
        while supervisor._all[0].code == Exit.OK:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_meanwhile, daemon=True).start()
    assert supervisor.run() == Exit.WORLD_DOWN


def test_what_a_restart_has_mended_is_told_no_more(settings: Settings) -> None:
    code = NOTE + "sys.exit(1 if len(list(folder.iterdir())) < 2 else 0)"
    assert supervise(settings, code).run() == Exit.OK


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        ([], 0),
        ([0, 0], 0),
        ([0, 75], 75),
        ([75, 3], 3),
        ([3, 1, 75], 1),
        ([1, 2], 2),
        ([2, 4], 4),
        ([3, 4, 5, 0], 5),
        ([3, 99], 99),
    ],
)
def test_of_several_ends_the_gravest_is_told(codes: list[int], told: int) -> None:
    assert gravest(codes) == told


def test_a_port_that_is_taken_ends_the_supervisor_before_a_worker_begins(
    settings: Settings,
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", settings.metrics_port or 0))
        other.listen()
        with pytest.raises(SettingsError, match="RILLSTREAM_METRICS_PORT"):
            supervise(settings, NOTE).run()
    assert starts(settings) == 0


ANSWERING = """
import os, pathlib, time
from prometheus_client import CollectorRegistry
from streams.health import Health
from streams.probes import offered
folder = pathlib.Path(os.environ["RILLSTREAM_STATE_DIR"])
folder.mkdir(parents=True, exist_ok=True)
health = Health()
with offered(int(os.environ["RILLSTREAM_METRICS_PORT"]), "127.0.0.1", health, CollectorRegistry()):
    while not (folder / "go").exists():
        time.sleep(0.02)
    health.ready()
    time.sleep(30)
"""


def test_a_supervisor_answers_for_all_its_workers(settings: Settings) -> None:
    port, found = settings.metrics_port or 0, list[object]()

    def watch() -> None:
        try:
            found.append(ask_until(port, "/livez", 200))
            go = [settings.state_dir / f"worker-{number}" / "go" for number in range(2)]
            wait_for(go[0].parent)
            go[0].touch()
            ask_until(port + 1, "/readyz", 200)
            ask_until(port + 2, "/readyz", 503)
            found.append(ask(port, "/readyz"))
            go[1].touch()
            found.append(ask_until(port, "/readyz", 200))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    asking = threading.Thread(target=watch)
    asking.start()
    supervise(settings, ANSWERING, n_workers=2).run()
    asking.join()
    assert found == ["ok\n", (503, "worker 1: it is starting\n"), "ok\n"]


def test_a_supervisor_counts_restarts(settings: Settings) -> None:
    crash_twice = NOTE + "sys.exit(1 if len(list(folder.iterdir())) < 3 else 0)"
    supervisor = supervise(settings, crash_twice, first_pause_s=0.01)
    supervisor.run()
    counted = supervisor._metrics.registry.get_sample_value
    assert counted("rillstream_worker_restarts_total", {"worker": "0"}) == 2
