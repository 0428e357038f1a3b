"""The demo, end to end, as a user runs it where there is no terminal."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.brokers.embedded import EmbeddedBroker
from streams.cli.exits import Exit

COMMAND = [sys.executable, "-m", "streams.cli.main", "demo"]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of the tests' own: the first demo builds the index, the others keep it."""
    return tmp_path_factory.mktemp("cache")


def environment(cache: Path) -> dict[str, str]:
    # A setting of the user's own that would make every list go elsewhere, if it reached the demo.
    return {**os.environ, "XDG_CACHE_HOME": str(cache), "RILLSTREAM_TOPIC_PREFIX": "mine-"}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_event_is_answered_and_the_summary_says_so(cache: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--max", "120", "--json"],
        cwd=ROOT,
        env=environment(cache),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == Exit.OK, done.stderr
    summary = json.loads(done.stdout)
    assert summary["clicks"] + summary["simulated_searches"] == summary["lists"] == 120
    assert (summary["unanswered"], summary["dead_letters"]) == (0, 0)
    assert 0 < summary["p50_ms"] <= summary["p95_ms"] <= summary["p99_ms"]
    shown = [line for line in done.stderr.splitlines() if " -> " in line]
    assert len(shown) == 120
    searches = [line for line in shown if " searched " in line]
    assert len(searches) == summary["simulated_searches"]
    assert all("(simulated)" in line for line in searches)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, Exit.OK), (signal.SIGTERM, Exit.TERMINATED)]
)
def test_a_signal_ends_the_demo_and_its_worker(
    cache: Path, number: signal.Signals, code: Exit
) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--max", "100000", "--speed", "60x"],
        cwd=ROOT,
        env=environment(cache),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    while " -> " not in process.stdout.readline():
        assert process.poll() is None
    children = list(_children(process.pid))
    assert children
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in output
    if code == Exit.OK:
        assert "event to list" in output
    deadline = time.monotonic() + 5
    while any(Path(f"/proc/{child}").exists() for child in children):
        assert time.monotonic() < deadline, "the worker was left behind"
        time.sleep(0.1)


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in found.split()]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_closed_loop_serves_three_arms_and_writes_its_report(
    cache: Path, tmp_path: Path
) -> None:
    """Too short for a round of learning: the shop, the arms, the users and the report."""
    with EmbeddedBroker() as broker:
        words = ["--broker", broker.bootstrap, "--duration", "4", "--rate", "15", "--json"]
        done = subprocess.run(
            [*COMMAND[:-1], "simulate", "--closed-loop", *words, "--out", str(tmp_path / "loop")],
            cwd=ROOT,
            env=environment(cache),
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
    assert done.returncode == Exit.OK, done.stderr
    report = json.loads(done.stdout)
    assert report["simulated"] is True
    assert report["visits"] == report["answered"] > 30
    assert {arm["arm"]: arm["visits"] > 0 for arm in report["arms"]} == {
        "best": True,
        "learned": True,
        "uniform": True,
    }
    assert sum(arm["visits"] for arm in report["arms"]) == report["visits"]
    assert "<svg" in (tmp_path / "loop" / "reward.svg").read_text()
    assert "simulated" in (tmp_path / "loop" / "report.md").read_text()
