"""The brokers that we start ourselves keep what they promise."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.brokers.embedded import EmbeddedBroker
from streams.brokers.kafka import KafkaBroker
from streams.brokers.kafka_java import KafkaStartError


def send(bootstrap: str, topic: str, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for value in values:
        producer.produce(topic, value, partition=0)
    assert producer.flush(20) == 0


def read(bootstrap: str, topic: str, n: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        return [
            message.value() or b""
            for message in consumer.consume(n, timeout=20)
            if message.error() is None
        ]
    finally:
        consumer.close()


def create(bootstrap: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, 1)])[topic].result()


@pytest.fixture
def topic() -> str:
    return f"brokers-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def embedded() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as broker:
        yield broker


def test_the_embedded_broker_keeps_records_for_other_clients(embedded: EmbeddedBroker) -> None:
    send(embedded.bootstrap, "clicks", b"a", b"b")
    assert read(embedded.bootstrap, "clicks", 2) == [b"a", b"b"]


def test_the_embedded_broker_listens_on_this_machine_only(embedded: EmbeddedBroker) -> None:
    assert embedded.bootstrap.startswith("127.0.0.1:")


@pytest.mark.kafka
def test_a_topic_is_never_created_by_use(kafka: KafkaBroker, topic: str) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "message.timeout.ms": 1000})
    producer.produce(topic, b"x")
    producer.flush(5)
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    assert topic not in admin.list_topics(timeout=10).topics


@pytest.mark.kafka
def test_a_transaction_commits_on_the_only_node(kafka: KafkaBroker, topic: str) -> None:
    """Kafka's defaults want three copies of the transaction log: nothing would ever commit."""
    create(kafka.bootstrap, topic)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, b"x", partition=0)
    producer.commit_transaction(30)
    assert read(kafka.bootstrap, topic, 1) == [b"x"]


@pytest.mark.kafka
def test_a_member_may_have_a_session_of_one_second(kafka: KafkaBroker, topic: str) -> None:
    create(kafka.bootstrap, topic)
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": topic,
            "session.timeout.ms": 1000,
            "heartbeat.interval.ms": 300,
        }
    )
    consumer.subscribe([topic])
    try:
        for _ in range(100):
            message = consumer.poll(0.2)
            assert message is None or message.error() is None
            if consumer.assignment():
                break
        assert consumer.assignment()
    finally:
        consumer.close()


@pytest.mark.kafka
@pytest.mark.slow
def test_a_killed_broker_comes_back_with_its_records_and_port(
    fresh_kafka: KafkaBroker, topic: str
) -> None:
    before = fresh_kafka.bootstrap
    create(before, topic)
    send(before, topic, b"kept")
    fresh_kafka.kill()
    assert not fresh_kafka.alive()
    with pytest.raises(KafkaException):
        AdminClient({"bootstrap.servers": before, "log_level": 0}).list_topics(timeout=1)
    fresh_kafka.start()
    assert fresh_kafka.bootstrap == before
    assert read(before, topic, 1) == [b"kept"]


@pytest.mark.kafka
def test_a_second_broker_leaves_the_data_of_the_first_alone(kafka: KafkaBroker, topic: str) -> None:
    """The first ended with a fatal error a moment later: its data were in two hands."""
    with pytest.raises(KafkaStartError, match="another broker runs with the data in"):
        KafkaBroker(kafka.folder).start()
    create(kafka.bootstrap, topic)
    send(kafka.bootstrap, topic, b"x")
    assert read(kafka.bootstrap, topic, 1) == [b"x"]


@pytest.mark.kafka
def test_a_broker_does_not_take_anothers_answer_for_its_own(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    """It said "Kafka at 127.0.0.1:9092", and a moment later that it had ended by itself."""
    with pytest.raises(KafkaStartError, match=f"listens at 127.0.0.1:{kafka.port} already"):
        KafkaBroker(tmp_path / "kafka", port=kafka.port).start()
