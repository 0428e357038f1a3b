"""aiokafka's consumer in its own thread: positions are set while nothing is fetched.

Partitions stay paused from their assignment until `begin`, which says where each goes on.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import aiokafka
import structlog
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    UnknownMemberIdError,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.consumer_errors import as_fate
from streams.errors import FencedError, TopicMismatchError
from streams.header_names import accept_any_header_names
from streams.positions import Source
from streams.static_member import StaticMember

log = structlog.get_logger(__name__)

LEAVE_AFTER_S = 300.0
"""A worker in which something is stuck leaves its partitions to others so long after it is seen."""

_FETCH_S = 0.2


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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._member = StaticMember()

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        accept_any_header_names()
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
            max_poll_interval_ms=int(LEAVE_AFTER_S * 1000),  # see `stay_in_group`
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
        consumer = self._ensure_consumer()
        consumer.pause(*(TopicPartition(tp.topic, tp.partition) for tp in assigned))
        coordinator = consumer._coordinator
        self._member.joined(
            self.app.conf.consumer_group_instance_id,
            coordinator.generation,
            coordinator.member_id,
        )
        await super().on_partitions_assigned(assigned, generation_id)

    async def begin(self, positions: Mapping[Source, int], generation: int) -> None:
        """Set the position of each source partition and let it be fetched.

        Raises:
            IllegalStateError: the generation whose positions these are is over.
        """
        consumer = self._ensure_consumer()
        now = consumer._coordinator.generation
        if now != generation:
            raise IllegalStateError(f"positions of generation {generation}, it is now {now}")
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
            RillstreamError: see `as_fate`.
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
        except KafkaError as error:
            raise as_fate(error) from error
        return cast(Mapping[Any, list[Any]], fetched)

    async def check_membership(self) -> None:
        """Find out what has ended this consumer's part in the group, if anything has.

        aiokafka's coordinator waits until it is asked, and neither joins the group again nor says
        anything meanwhile. Faust never asks.

        Raises:
            RillstreamError: see `as_fate`.
        """
        coordinator = None if self._consumer is None else self._consumer._coordinator
        if coordinator is None:  # it is still connecting
            return
        try:
            coordinator.check_errors()
        except KafkaError as error:
            raise as_fate(error) from error

    async def stay_in_group(self) -> None:
        """Have aiokafka know that this worker lives, however long it has nothing to fetch.

        Whoever fetches nothing for `max_poll_interval_ms` is taken out of the group by aiokafka,
        which says nothing, and never comes back: a spare without partitions, or a worker that reads
        the rows of its partitions. Only one in which something is stuck shall be.
        """
        if self._consumer is not None and self.app.health.why_dead() is None:
            with self._consumer._subscription.fetch_context():
                pass  # a fetch has just ended

    async def _pass_over_removed(self, places: Mapping[TopicPartition, int]) -> None:
        """Go on behind what retention has removed unread, and say so.

        Of a partition that is revoked meanwhile its next owner says it: it begins at the group's
        position, too.
        """
        consumer = self._ensure_consumer()
        try:
            starts = await consumer.beginning_offsets(places)
        except KafkaError as error:  # the next fetch asks again
            log.warning("where partitions begin was not read", error=repr(error))
            return
        for partition in places.keys() & consumer.assignment():
            position, start = places[partition], starts[partition]
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
        except KafkaError as error:
            raise as_fate(error) from error
