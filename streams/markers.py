"""Ends a transaction that the broker believes ended: has the markers written that it forgot.

A transaction has ended when a marker stands in each partition that it touched. A coordinator that
was killed between its decision and the last marker sends the markers again once it is back. But
where the leader of a partition is not known at that moment, it takes the partition for a deleted
one and forgets its marker (Kafka 4.3, `TransactionMarkerChannelManager`: "these partitions are
likely deleted already and hence can be skipped"). A single broker that comes back after a kill
passes through such a moment each time, when the session of its dead life ends. From then on nothing
behind that place is ever stable: readers of committed records stand still, and so does the group's
position.

The next marker of the same producer ends both transactions; so an empty transaction that names
every partition ends whatever there was. It is committed, since what the broker had decided before
it died was to commit: an abort is decided only by a start of ours or by the transaction's time-out,
and would have to be followed by a second kill within milliseconds.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streams.errors import BrokerUnavailableError


class ForgottenMarkers:
    """Everything that transactions of a worker may touch: topics, and its group's positions."""

    def __init__(
        self,
        config: Mapping[str, Any],
        transactional_id: str,
        topics: Callable[[], Collection[str]],
        group: str,
    ) -> None:
        """Connect to nothing yet.

        Args:
            config: Keyword arguments of aiokafka's clients; librdkafka cannot name a partition in
                a transaction without a record for it.
            transactional_id: Whose transactions; its present producer will be fenced.
            topics: Asked each time, for they become more; those that do not exist are left out.
            group: Whose positions are part of its transactions.
        """
        self._config = dict(config)
        self._id = transactional_id
        self._topics = topics
        self._group = group

    def write(self, timeout_s: float) -> None:
        """Commit a transaction that touches everything and changes nothing.

        Raises:
            BrokerUnavailableError: It could not be done within `timeout_s`.
        """
        try:
            asyncio.run(asyncio.wait_for(self._write(), timeout_s))
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(
                f"an earlier transaction of {self._id} could not be ended within "
                f"{timeout_s:.0f} s: {error!r}"
            ) from error

    async def _write(self) -> None:
        producer = AIOKafkaProducer(**self._config, transactional_id=self._id)
        await producer.start()
        try:
            cluster = await producer.client.fetch_all_metadata()
            sender, transaction = producer._sender, producer._txn_manager  # aiokafka 0.14
            async with producer.transaction():
                for topic in self._topics():
                    for partition in cluster.partitions_for_topic(topic) or ():
                        transaction.maybe_add_partition_to_txn(TopicPartition(topic, partition))
                while not await sender._do_add_offsets_to_txn(self._group):
                    pass  # it waits before it answers that it could not
        finally:
            await producer.stop()
