"""One rebuild at a time, not again at once, and none that outlives the worker."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from streams.live.index_metrics import IndexMetrics
from streams.live.rebuilds import Rebuilds
from streams.settings import Settings

NOTE = """
import os, sys, time
with open(sys.argv[1], "a") as notes:
    print(os.environ["RILLSTREAM_INDEX_DIR"], file=notes)
time.sleep({})
{}
"""


class Watched:
    """Rebuilds whose child notes that it ran, and then sleeps."""

    def __init__(
        self, folder: Path, *, at: int, sleep_s: float, pause_s: float, then: str = ""
    ) -> None:
        self.notes = folder / "notes"
        self.registry = CollectorRegistry()
        settings = Settings(rebuild_at=at, index_dir=folder / "here")
        command = [sys.executable, "-c", NOTE.format(sleep_s, then), str(self.notes)]
        metrics = IndexMetrics(self.registry)
        self.rebuilds = Rebuilds(settings, metrics, command=command, pause_s=pause_s)

    def n_ran(self) -> int:
        return len(self.notes.read_text().splitlines()) if self.notes.exists() else 0

    def wait(self, n: int) -> None:
        deadline = time.monotonic() + 20
        while self.n_ran() < n:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path, at=10, sleep_s=60, pause_s=60)
    yield made
    made.rebuilds.close()


def test_it_starts_above_the_limit_and_only_once(watched: Watched) -> None:
    watched.rebuilds.consider(10)
    assert watched.registry.get_sample_value("rillstream_index_rebuilds_total") == 0
    for _ in range(3):
        watched.rebuilds.consider(11)
    watched.wait(1)
    watched.rebuilds.consider(11)
    assert watched.registry.get_sample_value("rillstream_index_rebuilds_total") == 1
    assert watched.notes.read_text().strip().endswith("here")


def test_the_next_one_waits_after_the_end_of_the_last(tmp_path: Path) -> None:
    watched = Watched(tmp_path, at=10, sleep_s=0, pause_s=0.5)
    begun = time.monotonic()
    while watched.n_ran() < 2:
        watched.rebuilds.consider(11)
        time.sleep(0.02)
        assert time.monotonic() - begun < 20
    assert time.monotonic() - begun > 0.5
    watched.rebuilds.close()


def test_one_that_fails_is_tried_ever_more_rarely(tmp_path: Path) -> None:
    watched = Watched(tmp_path, at=10, sleep_s=0, pause_s=0.2, then="sys.exit(7)")
    starts: list[float] = []
    while len(starts) < 4:
        watched.rebuilds.consider(11)
        if watched.n_ran() > len(starts):
            starts.append(time.monotonic())
        time.sleep(0.01)
    assert starts[2] - starts[1] > 0.8
    assert starts[3] - starts[2] > 1.6
    watched.rebuilds.close()


@pytest.mark.parametrize(("code", "n_failures"), [(0, 0), (6, 0), (4, 1)])
def test_one_that_fails_is_counted_and_warned_of(
    tmp_path: Path, code: int, n_failures: int
) -> None:
    """In a read-only folder each fails, for ever; 6 is no failure, another one builds there."""
    watched = Watched(tmp_path, at=10, sleep_s=0, pause_s=60, then=f"sys.exit({code})")
    watched.rebuilds.consider(11)
    with capture_logs() as said:
        deadline = time.monotonic() + 20
        while not said:
            assert time.monotonic() < deadline
            watched.rebuilds.consider(11)
            time.sleep(0.02)
    assert [line["log_level"] for line in said] == ["warning" if n_failures else "info"]
    counted = watched.registry.get_sample_value("rillstream_index_rebuild_failures_total")
    assert counted == n_failures
    watched.rebuilds.close()


def test_few_changes_are_folded_in_when_it_is_due(watched: Watched) -> None:
    watched.rebuilds.consider(1, due=True)
    watched.wait(1)


def test_zero_switches_it_off(tmp_path: Path) -> None:
    watched = Watched(tmp_path, at=0, sleep_s=0, pause_s=0)
    watched.rebuilds.consider(1_000_000, due=True)
    assert watched.registry.get_sample_value("rillstream_index_rebuilds_total") == 0


def test_closing_ends_the_child(watched: Watched) -> None:
    watched.rebuilds.consider(11)
    watched.wait(1)
    begun = time.monotonic()
    watched.rebuilds.close()
    assert time.monotonic() - begun < 5
