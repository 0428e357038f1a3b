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
import struct
from collections.abc import Iterator, Mapping
from typing import Any, cast

import aiokafka
import structlog
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    UnknownMemberIdError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode.utils.futures import notify

from streams.errors import FencedError, TopicMismatchError
from streams.positions import Source
from streams.runs import Claim, Run

log = structlog.get_logger(__name__)

_FETCH_S = 0.2
_RECORDS_PER_RUN = 128


def group_metadata(group: str, generation: int, member: str, instance: str | None) -> bytes:
    """What a confluent consumer's `consumer_group_metadata()` would return.

    The format is librdkafka's own, CGMDv2.
    """
    static = b"\x01" if instance is None else b"\x00" + instance.encode() + b"\x00"
    return (
        b"CGMDv2:"
        + struct.pack("<i", generation)
        + group.encode()
        + b"\x00"
        + member.encode()
        + b"\x00"
        + static
    )


def new_client_loop() -> asyncio.AbstractEventLoop:
    """An event loop for aiokafka: asyncio's own, whatever the rest of the process runs on.

    uvloop refuses to write to a connection that the broker has just closed with a RuntimeError,
    which aiokafka does not expect (aio-libs/aiokafka#1038): its task that keeps the metadata
    current ends, nothing finds the group's coordinator any more, and the worker is put out of the
    group ten seconds after the broker's return.
    """
    return asyncio.SelectorEventLoop()


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The aiokafka consumer in its own thread and event loop."""

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        self._assignor = self.app.assignor
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="none",  # see `fetch`
            max_poll_records=conf.broker_max_poll_records,
            max_poll_interval_ms=int((conf.broker_max_poll_interval or 0) * 1000),
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            # One fetch request a broker is under way at a time, and it waits this long for the
            # partitions that have nothing; an event of another partition waits with it (Faust's own
            # 1,500 ms are its stalls).
            fetch_max_wait_ms=20,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            retry_backoff_ms=100,
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            isolation_level="read_committed",
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
            connections_max_idle_ms=conf.consumer_connections_max_idle_ms,
            **driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Pause everything in aiokafka before anybody can fetch; `begin` resumes the sources."""
        self._ensure_consumer().pause(*(TopicPartition(tp.topic, tp.partition) for tp in assigned))
        await super().on_partitions_assigned(assigned, generation_id)

    async def begin(self, positions: Mapping[Source, int]) -> None:
        """Set the position of each source partition and let it be fetched."""
        consumer = self._ensure_consumer()
        for source, position in positions.items():
            partition = TopicPartition(*source)
            consumer.seek(partition, position)
            consumer.resume(partition)

    async def fetch(
        self, sources: set[TopicPartition], max_records: int
    ) -> Mapping[Any, list[Any]]:
        """Records that have arrived, after waiting for some for a moment.

        Raises:
            TopicMismatchError: a partition ends before the group's position.
        """
        try:
            fetched = await self._fetch_records(
                self._ensure_consumer(),
                sources,
                timeout=_FETCH_S,
                max_records=max_records,
            )
        except NoOffsetForPartitionError:
            return {}  # assigned anew while this waited: `begin` says where to go on
        except OffsetOutOfRangeError as error:
            await self._pass_over_removed(error.args[0])
            return {}
        return cast(Mapping[Any, list[Any]], fetched)

    async def _pass_over_removed(self, places: Mapping[TopicPartition, int]) -> None:
        """Go on behind what retention has removed unread, and say so."""
        consumer = self._ensure_consumer()
        try:
            starts = await consumer.beginning_offsets(places)
        except KafkaError as error:  # the next fetch asks again
            log.warning("where partitions begin was not read", error=repr(error))
            return
        for partition, position in places.items():
            start = starts[partition]
            if start < position:
                raise TopicMismatchError(
                    f"{partition.topic}[{partition.partition}] ends before offset {position}, "
                    "where the group stands: it was made anew, or lost records. If it was made "
                    "anew, start the worker again. If it lost records, make it anew: rows know a "
                    "topic by its id, and would take new events at old offsets for those they have"
                )
            log.error(
                "records were removed before they were read",
                topic=partition.topic,
                partition=partition.partition,
                records=start - position,
            )
            self.app.metrics.removed_unread.labels(partition.topic).inc(start - position)
            consumer.seek(partition, start)

    async def commit_positions(
        self, positions: Mapping[Source, int], notes: Mapping[Source, str], generation: int
    ) -> None:
        """Commit as a member of `generation` (at-least-once delivery)."""
        consumer = self._ensure_consumer()
        if consumer._coordinator.generation != generation:
            raise FencedError(
                f"generation {generation} of the group is over, it is now "
                f"{consumer._coordinator.generation}"
            )
        try:
            await consumer.commit(
                {
                    TopicPartition(*source): OffsetAndMetadata(end, notes.get(source, ""))
                    for source, end in positions.items()
                }
            )
        except (CommitFailedError, IllegalGenerationError, UnknownMemberIdError) as error:
            raise FencedError(f"generation {generation} of the group is over: {error}") from error


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
        self.app.intake.give_back()
        await super().on_partitions_revoked(revoked)

    async def begin(self, positions: Mapping[Source, int], generation: int) -> None:
        """Start a claim: runs of this generation, from these positions on."""
        async with self._seeking:  # no fetch is under way that could return records from before
            coordinator = self._thread._ensure_consumer()._coordinator
            self._claims += 1
            self._ends = dict(positions)
            await self._in_thread(self._thread.begin(positions))
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

    def commit_positions(
        self, positions: Mapping[Source, int], notes: Mapping[Source, str], generation: int
    ) -> None:
        """Commit from any thread but the consumer's own; waits for the answer."""
        asyncio.run_coroutine_threadsafe(
            self._thread.commit_positions(positions, notes, generation), self._thread.thread_loop
        ).result(timeout=60)

    async def leave_group(self) -> None:
        """Tell the coordinator that this member is gone."""
        await self._in_thread(self._thread._ensure_consumer()._coordinator._maybe_leave_group())

    async def _in_thread(self, coroutine: Any) -> Any:
        return await asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(coroutine, self._thread.thread_loop)
        )

    async def _drain_messages(self, fetcher: Any) -> None:
        intake = self.app.intake
        while not (self.should_stop or fetcher.should_stop):
            claim = self.claim
            if claim is None or not self.flow_active:
                await self.sleep(0.01)
                continue
            sources = await intake.open_sources(self._ends)
            if not sources:
                continue
            async with self._seeking:
                if self.claim is not claim or not self.flow_active:
                    continue
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
