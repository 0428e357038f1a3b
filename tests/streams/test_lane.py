"""The lane: runs in order, one commit at a time, holes and stale claims noticed at the door."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from streams.errors import FencedError, GapError
from streams.health import Health
from streams.lane import Intake, Lane
from streams.outbox import Outbox
from streams.runs import Claim, Run

CLAIM = Claim(1, 1, b"")


class Event:
    """What Faust would hand to an agent."""

    def __init__(self, run: Run) -> None:
        self.value = run
        self.acked = False

    def ack(self) -> bool:
        self.acked = True
        return True


def a_run(begin: int, end: int, claim: Claim = CLAIM, topic: str = "clicks") -> Run:
    records = [SimpleNamespace(offset=o, timestamp=0) for o in range(begin, end)]
    return Run(topic, 0, begin, end, records, claim)


class Harness:
    """A lane whose batches are noted instead of sent."""

    def __init__(self, *, batch_max: int = 100) -> None:
        self.health = Health()
        self.batches: list[list[Run]] = []
        self.durable: list[dict[Any, Any]] = []
        self.failures: list[BaseException] = []
        self.refuse: BaseException | None = None
        self.lane = Lane(
            "events",
            ["clicks", "searches"],
            self._process,
            self._make_durable,
            writer_thread=ThreadPoolExecutor(1),
            batch_max=batch_max,
            failed=self.failures.append,
            health=self.health,
        )
        self.lane.begin(CLAIM, {("clicks", 0): 0, ("searches", 0): 0, ("items", 0): 0})

    def _process(self, runs: Sequence[Run], claim: Claim) -> Outbox:
        self.batches.append(list(runs))
        return Outbox.of(runs, claim)

    def _make_durable(self, outbox: Outbox) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.durable.append(outbox.reached)


async def run_briefly(harness: Harness) -> None:
    """Where nothing is to happen."""
    await run_until(harness, lambda: False, 0.05)


async def run_until(harness: Harness, done: Callable[[], object], at_most_s: float = 30.0) -> None:
    """Let the lane work until it has done something, however busy the machine is."""
    task = asyncio.create_task(harness.lane.run())
    ends = asyncio.get_running_loop().time() + at_most_s
    while not done() and asyncio.get_running_loop().time() < ends:  # noqa: ASYNC110 - no event says so
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_runs_are_processed_in_order_and_acknowledged_once_durable() -> None:
    harness = Harness()
    events = [Event(a_run(0, 3)), Event(a_run(3, 5)), Event(a_run(0, 2, topic="searches"))]
    for event in events:
        harness.lane.take(event)
    assert not any(event.acked for event in events)
    await run_until(harness, lambda: all(event.acked for event in events))
    assert harness.durable == [{("clicks", 0): (0, 5), ("searches", 0): (0, 2)}]
    assert all(event.acked for event in events)


async def test_a_batch_ends_at_its_size() -> None:
    harness = Harness(batch_max=4)
    for begin in range(0, 12, 2):
        harness.lane.take(Event(a_run(begin, begin + 2)))
    await run_until(harness, lambda: len(harness.batches) == 3)
    assert [sum(len(run.records) for run in batch) for batch in harness.batches] == [4, 4, 4]


async def test_a_hole_is_refused_at_the_door() -> None:
    harness = Harness()
    harness.lane.take(Event(a_run(0, 3)))
    with pytest.raises(GapError, match=r"clicks\[0\] went on at 7, but 3 comes next"):
        harness.lane.take(Event(a_run(7, 9)))


async def test_a_run_delivered_twice_is_refused_too() -> None:
    harness = Harness()
    harness.lane.take(Event(a_run(0, 3)))
    with pytest.raises(GapError):
        harness.lane.take(Event(a_run(0, 3)))


async def test_holes_inside_the_log_are_no_holes_in_the_chain() -> None:
    """Compaction and transaction markers leave offsets out; the run still says where it begins."""
    harness = Harness()
    harness.lane.take(Event(a_run(0, 3)))
    last = SimpleNamespace(offset=9, timestamp=0)
    compacted = Run("clicks", 0, 3, 10, [last], CLAIM)
    harness.lane.take(Event(compacted))
    await run_until(harness, lambda: harness.durable)
    assert harness.durable[-1][("clicks", 0)][1] == 10


async def test_runs_of_an_older_claim_are_given_back() -> None:
    harness = Harness()
    stale = Event(a_run(0, 3, Claim(0, 0, b"")))
    harness.lane.take(stale)
    await run_briefly(harness)
    assert stale.acked
    assert harness.batches == []


async def test_what_waits_at_a_rebalance_is_given_back_unprocessed() -> None:
    harness = Harness()
    waiting = Event(a_run(0, 3))
    harness.lane.take(waiting)
    harness.lane.give_back()
    await run_briefly(harness)
    assert waiting.acked
    assert harness.batches == []
    assert harness.lane.has_room


async def test_a_refused_commit_ends_the_lane_and_acknowledges_nothing() -> None:
    harness = Harness()
    harness.refuse = FencedError("generation 1 is over")
    event = Event(a_run(0, 3))
    harness.lane.take(event)
    await run_until(harness, lambda: harness.failures)
    assert harness.failures == [harness.refuse]
    assert not event.acked


async def test_two_claims_never_share_a_batch() -> None:
    """A batch is committed under one generation of the group, so it may hold runs of one only."""
    harness = Harness()
    harness.lane.take(Event(a_run(0, 3)))
    later = Claim(2, 2, b"")
    harness.lane.begin(later, {("clicks", 0): 3})
    harness.lane.take(Event(a_run(3, 4, later)))
    await run_until(harness, lambda: len(harness.batches) == 2)
    assert [[run.claim.number for run in batch] for batch in harness.batches] == [[1], [2]]


async def test_a_full_lane_stops_the_fetching_of_its_topics_only() -> None:
    full, idle = Harness(batch_max=2), Harness()
    idle.lane.topics = frozenset(["items"])
    intake = Intake([full.lane, idle.lane])
    full.lane.take(Event(a_run(0, 4)))
    open_sources = await intake.open_sources([("clicks", 0), ("items", 0)])
    assert open_sources == {("items", 0)}


async def test_a_batch_is_under_way_until_it_is_computed() -> None:
    """Also while what runs between two batches does not let it begin."""
    harness = Harness()
    harness.lane._health = health = Health(limit_s=-1)
    go_on = threading.Event()
    harness.lane.between_batches(go_on.wait)
    task = asyncio.create_task(harness.lane.run())
    try:
        await asyncio.sleep(0.05)
        assert health.why_dead() is None  # nothing to do
        harness.lane.take(Event(a_run(0, 3)))
        await asyncio.sleep(0.05)
        assert health.why_dead() == "a batch of events has not moved for 0 s"
    finally:
        go_on.set()
    await asyncio.sleep(0.2)
    assert harness.durable
    assert health.why_dead() is None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
