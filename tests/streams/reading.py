"""Reads a topic to its end, as any program would."""

from __future__ import annotations

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from streams.kafka_config import consumer_config
from streams.settings import Settings


def messages(settings: Settings, topic: str) -> list[Message]:
    """All committed messages that a topic holds, partition by partition."""
    consumer = Consumer(consumer_config(settings, "reader", **{"enable.partition.eof": True}))
    numbers = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in numbers])
    found: list[Message] = []
    open_partitions = set(numbers)
    while open_partitions:
        message = consumer.poll(20)
        assert message is not None, "the broker fell silent"
        error = message.error()
        if error is None:
            found.append(message)
        elif error.code() == KafkaError._PARTITION_EOF:
            open_partitions.discard(message.partition() or 0)
        else:
            assert error.retriable(), error.str()
    consumer.close()
    return sorted(found, key=lambda message: (message.partition() or 0, message.offset() or 0))
