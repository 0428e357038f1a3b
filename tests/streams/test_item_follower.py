"""Changes are applied in order, a little at a time, by the thread that ranks."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from prometheus_client import CollectorRegistry

from streams.item_changes import Deletion, ItemChange
from streams.live.index_metrics import IndexMetrics
from streams.live.item_follower import SLOT_S, ItemFollower


class Edition:
    """Notes what is applied, by which thread, and how long each turn took."""

    def __init__(self, n: int, apply_s: float = 0.0) -> None:
        self.reader = self
        self.live = self
        self.gaps = self
        self.tower = "a tower"
        self.in_gaps: list[ItemChange] = []
        self.n_delta = self.n_tombstones = 0
        self.waiting = deque[ItemChange](Deletion(f"i{n}", 1) for n in range(n))
        self.applied: list[str] = []
        self.threads: set[str] = set()
        self.closed = False
        self._apply_s = apply_s

    def read(self, max_n: int, timeout_s: float) -> list[ItemChange]:
        if not self.waiting:
            time.sleep(0.01)
        return [self.waiting.popleft() for _ in range(min(max_n, len(self.waiting)))]

    def follow(self, tower: object) -> list[ItemChange]:
        assert tower == "a tower"
        found, self.in_gaps = self.in_gaps, []
        return found

    def close(self) -> None:
        self.closed = True

    def apply(self, change: ItemChange) -> None:
        time.sleep(self._apply_s)
        if change.item_id == "i3":
            raise ValueError("a fault of ours")
        self.applied.append(change.item_id)
        self.threads.add(threading.current_thread().name)


def follow(edition: Edition, between: Callable[..., Any]) -> tuple[ItemFollower, CollectorRegistry]:
    registry = CollectorRegistry()
    follower = ItemFollower(edition, between, IndexMetrics(registry))  # type: ignore[arg-type]
    follower.start()
    return follower, registry


def wait_for(edition: Edition, n: int) -> None:
    deadline = time.monotonic() + 20
    while len(edition.applied) < n:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_all_are_applied_in_order_by_the_compute_thread() -> None:
    edition = Edition(5_000)
    with ThreadPoolExecutor(1, "compute") as executor:
        follower, registry = follow(edition, executor.submit)
        wait_for(edition, 4_999)
        edition.waiting.append(Deletion("late", 1))  # and one that comes when all was quiet
        wait_for(edition, 5_000)
        edition.in_gaps.append(Deletion("taken by another encoder", 1))
        wait_for(edition, 5_001)
        follower.close()
    late = ["late", "taken by another encoder"]
    assert edition.applied == [f"i{n}" for n in range(5_000) if n != 3] + late
    assert edition.threads == {"compute_0"}
    assert edition.closed
    assert registry.get_sample_value("rillstream_index_changes_total") == 5_001
    assert registry.get_sample_value("rillstream_index_unreadable_total") == 1


def test_a_batch_waits_for_one_slot_at_most() -> None:
    """However many changes wait, what is submitted meanwhile has its turn after milliseconds."""
    edition = Edition(2_000, apply_s=0.0005)
    waits = []
    with ThreadPoolExecutor(1, "compute") as executor:
        follower, _ = follow(edition, executor.submit)
        wait_for(edition, 1)
        for _ in range(20):
            asked = time.monotonic()
            executor.submit(lambda: None).result()
            waits.append(time.monotonic() - asked)
        assert len(edition.applied) < 1_900, "all was over before anything was measured"
        follower.close()
    assert sorted(waits)[10] < 3 * SLOT_S


def test_after_closing_nothing_is_applied() -> None:
    edition = Edition(2_000, apply_s=0.001)
    with ThreadPoolExecutor(1, "compute") as executor:
        follower, _ = follow(edition, executor.submit)
        wait_for(edition, 1)
        follower.close()
        executor.submit(lambda: None).result()
        n_applied = len(edition.applied)
        time.sleep(0.05)
        assert len(edition.applied) == n_applied < 2_000
