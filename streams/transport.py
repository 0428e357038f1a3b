"""Faust's Kafka consumer, changed in four things.

Runs instead of records, committed records only, no commits of its own, and positions that Faust
cannot lose.

What went wrong in the stock consumer (docs/delivery.md has the measurement): when recovery ends,
`Recovery.on_recovery_completed` resumes the source partitions while the flow is still open, so the
fetcher already fills the stream queues; then it seeks back, and `flow_control.resume()` *clears
every queue*, that is up to `stream_buffer_maxsize` (4,096) events whose read offset has moved on.
The drain loop goes on behind them.

Here partitions stay paused in aiokafka itself until the positions are set, no fetch is
under way while they are set, and every run says where the run before it ended.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from typing import Any

from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode import Service
from mode.utils.futures import notify

from streams.consumer_thread import ConsumerThread, new_client_loop
from streams.errors import BrokerUnavailableError
from streams.group_metadata import group_metadata
from streams.positions import Source
from streams.runs import Claim, Run

_ASK_EVERY_S = 0.5
_COMMIT_S = 60.0
_RECORDS_PER_RUN = 128


class Consumer(driver.Consumer):
    """Delivers runs; the writer alone moves the group's position."""

    claim: Claim | None = None
    _claims = 0
    _ends: dict[Source, int]
    _seeking: asyncio.Lock

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ends = {}
        self._seeking = asyncio.Lock()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(
            self, loop=self.loop, beacon=self.beacon, thread_loop=new_client_loop()
        )

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Nothing: a late commit of Faust's own would move the position back."""
        return True

    def ack(self, message: Any) -> bool:
        """The run is durable (or given up): a rebalance need not wait for it any more."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)
        return True

    def on_buffer_full(self, tp: TP) -> None:
        """The intake bounds what is under way; stream queues never fill."""

    def on_buffer_drop(self, tp: TP) -> None:
        """See `on_buffer_full`."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust would warn that it has not committed anything itself."""

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let what is being processed finish, give the rest back unread."""
        self.claim = None
        self.app.health.not_ready("partitions are being assigned")
        self.app.intake.give_back()
        await super().on_partitions_revoked(revoked)

    async def begin(self, positions: Mapping[Source, int], generation: int) -> None:
        """Start a claim: runs of this generation, from these positions on.

        Raises:
            IllegalStateError: the generation is over; the next rebalance begins again.
        """
        async with self._seeking:  # no fetch is under way that could return records from before
            coordinator = self._thread._ensure_consumer()._coordinator
            self._claims += 1
            self._ends = dict(positions)
            await self._in_thread(self._thread.begin(positions, generation))
            self.claim = Claim(
                self._claims,
                generation,
                group_metadata(
                    self.app.conf.id,
                    generation,
                    coordinator.member_id,
                    self.app.conf.consumer_group_instance_id,
                ),
            )
        self.app.intake.begin(self.claim, positions)
        self.app.health.ready()

    def commit_positions(
        self,
        positions: Mapping[Source, int],
        notes: Mapping[Source, str],
        generation: int,
        waiting: Callable[[], object],
    ) -> None:
        """Commit from any thread but the consumer's own; waits for the answer.

        Args:
            positions: Next offset of each source partition.
            notes: What stands beside some of them.
            generation: Of the group, in which they were reached.
            waiting: Called every half a second until the answer is there.

        Raises:
            BrokerUnavailableError: None came.
        """
        answer = asyncio.run_coroutine_threadsafe(
            self._thread.commit_positions(positions, notes, generation), self._thread.thread_loop
        )
        for _ in range(round(_COMMIT_S / _ASK_EVERY_S)):
            waiting()
            if futures.wait([answer], timeout=_ASK_EVERY_S).done:
                answer.result()
                return
        raise BrokerUnavailableError(
            f"positions were not committed within {_COMMIT_S:.0f} s: is the broker there?"
        )

    async def leave_group(self) -> None:
        """Tell the coordinator that this member is gone."""
        await self._in_thread(self._thread._ensure_consumer()._coordinator._maybe_leave_group())

    @Service.task
    async def _watch_membership(self) -> None:
        while not self.should_stop:
            await self._in_thread(self._thread.check_membership())
            await self._in_thread(self._thread.stay_in_group())
            await self.sleep(_ASK_EVERY_S)

    async def _in_thread(self, coroutine: Any) -> Any:
        return await asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(coroutine, self._thread.thread_loop)
        )

    async def _drain_messages(self, fetcher: Any) -> None:
        with self.app.health.under_way("fetching") as moved:
            while not (self.should_stop or fetcher.should_stop):
                moved()
                await self._drain()

    async def _drain(self) -> None:
        """Fetch once, and hand on what came."""
        claim = self.claim
        if claim is None or not self.flow_active:
            await self.sleep(0.01)
            return
        sources = await self.app.intake.open_sources(self._ends)
        if not sources:
            return
        async with self._seeking:
            if self.claim is not claim or not self.flow_active:
                return
            fetched = await self._in_thread(
                self._thread.fetch({TopicPartition(*s) for s in sources}, _RECORDS_PER_RUN * 8)
            )
        for message in self._runs(fetched, claim):
            if self.claim is not claim:
                break  # the next claim starts from the committed positions
            await self.callback(message)
        if sum(map(len, fetched.values())) < _RECORDS_PER_RUN:
            # Little is coming in: let it gather, or each record would be a run, a batch and a
            # transaction of its own.
            await asyncio.sleep(self.app.fetch_pause_s)

    def _runs(self, fetched: Mapping[Any, list[Any]], claim: Claim) -> Iterator[ConsumerMessage]:
        for tp, records in fetched.items():
            source = (tp.topic, tp.partition)
            for first in range(0, len(records), _RECORDS_PER_RUN):
                part = records[first : first + _RECORDS_PER_RUN]
                begin, self._ends[source] = self._ends[source], part[-1].offset + 1
                yield ConsumerMessage(
                    tp.topic,
                    tp.partition,
                    part[-1].offset,
                    part[-1].timestamp / 1000,
                    part[-1].timestamp_type,
                    [],
                    None,
                    Run(tp.topic, tp.partition, begin, self._ends[source], part, claim),
                    None,
                    tp=TP(tp.topic, tp.partition),
                    generation_id=self.app.consumer_generation_id,
                )


class Transport(driver.Transport):
    """`kafka://` with the consumer above."""

    Consumer = Consumer
