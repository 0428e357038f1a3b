"""What a broker knows of one topic."""

from __future__ import annotations

from collections.abc import Mapping

from streams.errors import TopicMismatchError
from streams.kafka_config import consumer_config
from streams.settings import Settings
from streams.topics import as_ours, connect, is_embedded, topic_ids


def delete_retention_ms(settings: Settings, name: str, *, timeout_s: float = 15.0) -> int | None:
    """How long a compacted topic remembers a deletion; None at the embedded broker: for ever.

    Raises:
        BrokerUnavailableError: No broker answers.
        TopicMismatchError: The topic does not exist.
    """
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import ConfigResource  # type: ignore[attr-defined]

    admin, cluster = connect(settings, timeout_s)
    if is_embedded(cluster):
        return None
    asked = admin.describe_configs([ConfigResource("topic", name)], request_timeout=timeout_s)
    try:
        (answer,) = (future.result() for future in asked.values())
    except KafkaException as exception:
        raise as_ours(settings, exception.args[0], f"{name} was not read") from None
    return int(answer["delete.retention.ms"].value)


def partition_count(settings: Settings, name: str, *, timeout_s: float = 15.0) -> int:
    """How many partitions a topic has.

    Raises:
        BrokerUnavailableError: No broker answers.
        TopicMismatchError: The topic does not exist.
    """
    _, cluster = connect(settings, timeout_s)
    if name not in cluster.topics:
        raise TopicMismatchError(f"topic {name} does not exist")
    return len(cluster.topics[name].partitions)


def records_since(
    settings: Settings, name: str, read: Mapping[str, int], *, timeout_s: float = 15.0
) -> int:
    """How many records a topic has behind these positions, at most: compaction leaves holes.

    Args:
        settings: Where the broker is.
        name: The topic.
        read: "<topic id>:<partition>" -> next offset; a partition that is not named is read from
            its start.
        timeout_s: How long to wait for an answer.

    Raises:
        BrokerUnavailableError: No broker answers.
        TopicMismatchError: The topic does not exist.
    """
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    n_partitions = partition_count(settings, name, timeout_s=timeout_s)
    topic_id = topic_ids(settings, [name], timeout_s=timeout_s)[name]
    consumer = Consumer(consumer_config(settings, f"{settings.app_id}-doctor"))
    n_records = 0
    try:
        for partition in range(n_partitions):
            at = TopicPartition(name, partition)
            low, high = consumer.get_watermark_offsets(at, timeout=timeout_s)
            n_records += max(0, high - max(low, read.get(f"{topic_id}:{partition}", 0)))
    except KafkaException as exception:
        raise as_ours(settings, exception.args[0], f"{name} was not read") from None
    finally:
        consumer.close()
    return n_records
