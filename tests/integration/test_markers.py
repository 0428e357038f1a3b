"""A broker that has forgotten to end a transaction: the worker's next producer ends it."""

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.structs import OffsetAndMetadata
from aiokafka.structs import TopicPartition as Place
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.brokers.kafka import KafkaBroker
from streams.group_metadata import group_metadata
from streams.markers import ForgottenMarkers
from streams.outbox import Outbox
from streams.positions import GroupPositions
from streams.runs import Claim
from streams.transactional_writer import TransactionalWriter

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

EVENTS, ELSEWHERE, GROUP, ID = ("events", 0), ("events", 1), "app", "app-w0"


@pytest.fixture(scope="module")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker that takes the records of a transaction of which its coordinator has not heard."""
    folder = tmp_path_factory.mktemp("kafka")
    trusting = {"transaction.partition.verification.enable": "false"}
    with KafkaBroker(folder, overrides=trusting) as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        topics = [NewTopic("events", 2, 1), NewTopic("lists", 2, 1), NewTopic("changelog", 1, 1)]
        for created in admin.create_topics(topics).values():
            created.result(30)
        yield broker.bootstrap


def test_a_new_life_ends_it(forgetful: str) -> None:
    positions = _positions(forgetful)
    asyncio.run(_leave_open(forgetful, b"one", position=5))
    assert positions.stuck([EVENTS], 1)
    assert not positions.stuck([ELSEWHERE], 1)
    assert b"one" not in _committed_lists(forgetful)

    writer = _writer(forgetful, positions)
    writer.start()
    assert positions.committed([EVENTS], 5) == {EVENTS: 5}
    assert b"one" in _committed_lists(forgetful)
    writer.close()
    positions.close()


def test_a_writer_that_has_begun_ends_it_and_sees_that_its_batch_is_committed(
    forgetful: str,
) -> None:
    positions = _positions(forgetful)
    writer = _writer(forgetful, positions)
    writer.start()
    asyncio.run(_leave_open(forgetful, b"two", position=7))  # fences the writer's producer
    writer.commit(_outbox(6, b"two"))
    assert positions.committed([EVENTS], 5) == {EVENTS: 7}
    assert _committed_lists(forgetful).count(b"two") == 1
    writer.commit(_outbox(7, b"three"))
    assert _committed_lists(forgetful).count(b"three") == 1
    writer.close()
    positions.close()


async def _leave_open(broker: str, value: bytes, position: int) -> None:
    """A record and a position of a transaction that nobody will ever end."""
    producer = AIOKafkaProducer(bootstrap_servers=broker, transactional_id=ID)
    await producer.start()
    await producer.begin_transaction()
    untold = producer._txn_manager
    untold._txn_partitions.add(Place("lists", 0))
    untold.consumer_group_added(GROUP)
    await producer.send_and_wait("lists", value, key=b"user", partition=0)
    await producer.send_offsets_to_transaction(
        {Place(*EVENTS): OffsetAndMetadata(position, "")}, GROUP
    )
    producer._sender._sender_task.cancel()
    await producer.client.close()
    producer._closed = True


def _positions(broker: str) -> GroupPositions:
    return GroupPositions({"bootstrap.servers": broker, "log_level": 0}, GROUP)


def _writer(broker: str, positions: GroupPositions) -> TransactionalWriter:
    return TransactionalWriter(
        {"bootstrap.servers": broker, "log_level": 0},
        "changelog",
        positions,
        transactional_id=ID,
        transaction_timeout_s=10,
        sources=[EVENTS, ELSEWHERE],
        forgotten=ForgottenMarkers(
            {"bootstrap_servers": broker}, ID, lambda: ["changelog", "lists", "absent"], GROUP
        ),
    )


def _outbox(begin: int, value: bytes) -> Outbox:
    claim = Claim(1, -1, group_metadata(GROUP, -1, "", None))
    outbox = Outbox(claim, reached={EVENTS: (begin, begin + 1)})
    outbox.send("lists", b"user", value)
    return outbox


def _committed_lists(broker: str) -> list[bytes]:
    """What a reader of committed records sees before it would have to wait."""
    reader = Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": "reader",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    reader.assign([TopicPartition("lists", 0, 0), TopicPartition("lists", 1, 0)])
    seen: list[bytes] = []
    n_ends = 0
    while n_ends < 2:
        message = reader.poll(10)
        assert message is not None
        if message.error() is None:
            seen.append(message.value() or b"")
        else:
            n_ends += 1
    reader.close()
    return seen
