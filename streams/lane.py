"""runs -> batches -> outboxes -> durable: computes one batch while another is being committed."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Protocol

from streams.errors import GapError
from streams.health import Health
from streams.outbox import Outbox
from streams.positions import Source
from streams.runs import Claim, Run

_FULL_S = 0.002  # two batches wait meanwhile, so nothing runs dry

Process = Callable[[Sequence[Run], Claim], Outbox]
"""Turns the runs of one batch into all that is to be sent; called in the lane's own thread."""


class Taken(Protocol):
    """What Faust hands to an agent: an event whose value is a run."""

    @property
    def value(self) -> Run:
        """The run."""

    def ack(self) -> bool:
        """Faust need not wait for the event any more; False when that was said before."""


class Lane:
    """One ordered line of work: one function processes the topics that share it, batch by batch.

    A batch is what waits, at most `batch_max` records, when the one before it is computed. At most
    two are under way, one being computed and one being committed; what has been taken beyond that
    waits, and `has_room` tells the consumer to stop fetching for a while.
    """

    def __init__(
        self,
        name: str,
        topics: Iterable[str],
        process: Process,
        make_durable: Callable[[Outbox], None],
        *,
        writer_thread: Executor,
        batch_max: int,
        failed: Callable[[BaseException], None],
        health: Health,
    ) -> None:
        self.name = name
        self.topics = frozenset(topics)
        self._process = process
        self._make_durable = make_durable
        self._writer_thread = writer_thread
        self._compute_thread = ThreadPoolExecutor(1, thread_name_prefix=f"{name}-compute")
        self._batch_max = batch_max
        self._failed = failed
        self._health = health
        self._waiting: deque[Taken] = deque()
        self._n_waiting = 0
        self._arrived = asyncio.Event()
        self._claim: Claim | None = None
        self._expected: dict[Source, int] = {}

    @property
    def has_room(self) -> bool:
        """Whether more should be fetched: up to two full batches wait."""
        return self._n_waiting < 2 * self._batch_max

    def between_batches(self, call: Callable[[], object]) -> Future[Any]:
        """Run a function in the lane's thread, before the next batch that is not yet under way."""
        return self._compute_thread.submit(call)

    def begin(self, claim: Claim, positions: Mapping[Source, int]) -> None:
        """Expect the first run of each source partition at these positions."""
        self._claim = claim
        self._expected = {
            source: at for source, at in positions.items() if source[0] in self.topics
        }

    def give_back(self) -> None:
        """The claim ends: forget what waits (its next owner reads it), finish what is under way."""
        self._claim = None
        while self._waiting:
            self._waiting.popleft().ack()
        self._n_waiting = 0

    async def feed(self, events: AsyncIterator[Taken]) -> None:
        """What an agent does: take every run of its stream."""
        async for event in events:
            try:
                self.take(event)
            except GapError as error:
                self._failed(error)
                raise

    def take(self, event: Taken) -> None:
        """Accept one run.

        Raises:
            GapError: the run does not begin where the one before it ended.  Nothing has been
                committed past the hole; a restart resumes from the committed position.
        """
        run = event.value
        if run.claim is not self._claim:
            event.ack()  # from before a rebalance; the partition's owner now gets it again
            return
        expected = self._expected[run.source]
        if run.begin != expected:
            raise GapError(
                f"{run.topic}[{run.partition}] went on at {run.begin}, but {expected} comes next; "
                "restart the worker: it resumes from the committed position"
            )
        self._expected[run.source] = run.end
        self._waiting.append(event)
        self._n_waiting += len(run.records)
        self._arrived.set()

    async def run(self) -> None:
        """Process for ever; any failure that is not the input's fault ends the worker."""
        loop = asyncio.get_running_loop()
        committing: asyncio.Task[None] | None = None
        while True:
            batch = await self._gather()
            runs = [event.value for event in batch]
            try:
                with self._health.under_way(f"a batch of {self.name}"):
                    outbox = await loop.run_in_executor(
                        self._compute_thread, self._process, runs, runs[0].claim
                    )
                if committing is not None:
                    await committing
            except BaseException as error:
                self._failed(error)
                raise
            committing = loop.create_task(self._commit(batch, outbox))

    async def _gather(self) -> list[Taken]:
        """The next batch; never mixes two claims."""
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        batch: list[Taken] = []
        n_records, claim = 0, self._waiting[0].value.claim
        while (
            self._waiting and n_records < self._batch_max and self._waiting[0].value.claim is claim
        ):
            event = self._waiting.popleft()
            batch.append(event)
            n_records += len(event.value.records)
        self._n_waiting -= n_records
        return batch

    async def _commit(self, batch: list[Taken], outbox: Outbox) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._writer_thread, self._make_durable, outbox
            )
        except BaseException as error:
            self._failed(error)
            raise
        for event in batch:
            event.ack()


class Intake:
    """Where the consumer asks what to fetch: the lanes, by topic."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self.lanes = lanes
        self._by_topic = {topic: lane for lane in lanes for topic in lane.topics}

    async def open_sources(self, sources: Iterable[Source]) -> set[Source]:
        """Those source partitions whose lane has room; waits a moment when there is none."""
        wanted = {source for source in sources if self._by_topic[source[0]].has_room}
        if not wanted:
            await asyncio.sleep(_FULL_S)
        return wanted

    def begin(self, claim: Claim, positions: Mapping[Source, int]) -> None:
        """A claim starts."""
        for lane in self.lanes:
            lane.begin(claim, positions)

    def give_back(self) -> None:
        """The claim ends."""
        for lane in self.lanes:
            lane.give_back()
