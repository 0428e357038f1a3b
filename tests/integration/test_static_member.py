"""Two members of one static name: each takes the other's place, and notices."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import aiokafka
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from structlog.testing import capture_logs

from streams.brokers.kafka import KafkaBroker
from streams.static_member import StaticMember

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

TOPIC, GROUP = "static-events", "static-group"


class Member(aiokafka.ConsumerRebalanceListener):  # type: ignore[misc]
    """One of a group, which tells its `StaticMember` whenever it has partitions."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self._name = name
        self._static = StaticMember()
        self.consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=GROUP,
            group_instance_id=name,
            session_timeout_ms=6_000,
            heartbeat_interval_ms=500,
            enable_auto_commit=False,
        )
        self.consumer.subscribe([TOPIC], listener=self)

    def on_partitions_revoked(self, revoked: object) -> None:
        """Nothing is to be done."""

    def on_partitions_assigned(self, assigned: object) -> None:
        """As `ConsumerThread` does."""
        coordinator = self.consumer._coordinator
        self._static.joined(self._name, coordinator.generation, coordinator.member_id)


async def read(members: Sequence[Member], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.gather(*(each.consumer.getmany(timeout_ms=100) for each in members))


async def test_two_members_of_one_name_are_noticed_and_rebalances_are_not(
    kafka: KafkaBroker,
) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(TOPIC, 4, 1)])[TOPIC].result(30)
    first, other = Member(kafka.bootstrap, "w0"), Member(kafka.bootstrap, "w1")
    copy = Member(kafka.bootstrap, "w0")
    with capture_logs() as quiet:
        await first.consumer.start()
        await other.consumer.start()
        await read([first, other], 4)
    with capture_logs() as said:
        await copy.consumer.start()
        await read([first, other, copy], 6)
    for each in (first, other, copy):
        await each.consumer.stop()
    assert not quiet
    assert {line["instance_id"] for line in said} == {"w0"}
    assert "delete worker-id" in said[0]["event"]
