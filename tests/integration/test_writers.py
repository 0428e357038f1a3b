"""Two writers under one name, as of a worker whose state folder was copied to another machine."""

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from structlog.testing import capture_logs

from streams.brokers.kafka import KafkaBroker
from streams.connection import PartitionReader
from streams.group_metadata import group_metadata
from streams.markers import ForgottenMarkers
from streams.outbox import Outbox
from streams.positions import GroupPositions
from streams.runs import Claim
from streams.transactional_writer import TransactionalWriter

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(90)]

GROUP, ID = "twins", "twins-w0"
EVENTS, LISTS = "twins-events", "twins-lists"


def test_two_writers_of_one_name_lose_nothing_and_say_what_is_wrong(kafka: KafkaBroker) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    for created in admin.create_topics([NewTopic(EVENTS, 2, 1), NewTopic(LISTS, 1, 1)]).values():
        created.result(30)
    positions = GroupPositions({"bootstrap.servers": kafka.bootstrap, "log_level": 0}, GROUP)
    writers = [_writer(kafka, positions) for _ in range(2)]
    with capture_logs() as said:
        for writer in writers:  # the second one fences the first
            writer.start()
        for number in range(2):
            for partition, writer in enumerate(writers):
                writer.commit(_outbox(partition, number))
    for writer in writers:
        writer.close()
    positions.close()
    errors = [line["event"] for line in said if line["log_level"] == "error"]
    assert len(errors) == 4
    assert all("delete worker-id in its state folder" in error for error in errors)
    assert _lists(kafka) == [b"0-0", b"1-0", b"0-1", b"1-1"]


def _writer(kafka: KafkaBroker, positions: GroupPositions) -> TransactionalWriter:
    forgotten = ForgottenMarkers(
        {"bootstrap_servers": kafka.bootstrap}, ID, lambda: [EVENTS, LISTS], GROUP
    )
    return TransactionalWriter(
        {"bootstrap.servers": kafka.bootstrap, "log_level": 0},
        "changelog",
        positions,
        transactional_id=ID,
        transaction_timeout_s=20,
        sources=[(EVENTS, 0), (EVENTS, 1)],
        forgotten=forgotten,
    )


def _outbox(partition: int, number: int) -> Outbox:
    claim = Claim(1, -1, group_metadata(GROUP, -1, "", None))
    outbox = Outbox(claim, reached={(EVENTS, partition): (number, number + 1)})
    outbox.send(LISTS, b"user", f"{partition}-{number}".encode())
    return outbox


def _lists(kafka: KafkaBroker) -> list[bytes | None]:
    config = {"bootstrap.servers": kafka.bootstrap, "group.id": "twins-reader"}
    reader = PartitionReader(
        {**config, "isolation.level": "read_committed"}, [TopicPartition(LISTS, 0, 0)]
    )
    seen: list[bytes | None] = []
    while messages := reader.consume(10, 3):
        seen += [message.value() for message in messages if message.error() is None]
    reader.close()
    return seen
