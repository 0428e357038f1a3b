"""What a broker knows of a topic."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from streams.errors import TopicMismatchError
from streams.kafka_config import consumer_config
from streams.settings import Settings
from streams.topics import as_ours, connect, is_embedded


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """One topic, as it is now.

    Attributes:
        name: What it is called.
        topic_id: See `streams.topics.topic_ids`.
        n_partitions: How many it has.
        delete_retention_ms: How long it remembers a deletion, if it is compacted; None at the
            embedded broker: for ever.
    """

    name: str
    topic_id: str
    n_partitions: int
    delete_retention_ms: int | None


def topic_facts(settings: Settings, name: str, *, timeout_s: float = 15.0) -> TopicFacts:
    """Ask for all of it over one connection.

    Raises:
        BrokerUnavailableError: No broker answers.
        TopicMismatchError: The topic does not exist.
    """
    from confluent_kafka import KafkaException, TopicCollection
    from confluent_kafka.admin import ConfigResource  # type: ignore[attr-defined]

    admin, cluster = connect(settings, timeout_s)
    if name not in cluster.topics:
        raise TopicMismatchError(f"topic {name} does not exist")
    n_partitions = len(cluster.topics[name].partitions)
    if is_embedded(cluster):
        return TopicFacts(name, name, n_partitions, None)
    described = admin.describe_topics(TopicCollection([name]), request_timeout=timeout_s)
    configured = admin.describe_configs([ConfigResource("topic", name)], request_timeout=timeout_s)
    try:
        topic_id = str(described[name].result().topic_id)
        (config,) = (future.result() for future in configured.values())
    except KafkaException as exception:
        raise as_ours(settings, exception.args[0], f"{name} was not read") from None
    return TopicFacts(name, topic_id, n_partitions, int(config["delete.retention.ms"].value))


@dataclass(frozen=True, slots=True)
class TopicShape:
    """What may change of a topic under those that read it.

    Attributes:
        topic_id: See `streams.topics.topic_ids`.
        n_partitions: How many it has.
    """

    topic_id: str
    n_partitions: int


def topic_shapes(
    settings: Settings, names: Collection[str], *, timeout_s: float = 15.0
) -> dict[str, TopicShape]:
    """What there is of these topics; of the embedded broker nothing, for there nothing changes.

    Raises:
        BrokerUnavailableError: No broker answers.
        RefusedError: It refuses us.
    """
    from confluent_kafka import KafkaError, KafkaException, TopicCollection

    admin, cluster = connect(settings, timeout_s)
    if is_embedded(cluster):
        return {}
    found = {}
    described = admin.describe_topics(TopicCollection(list(names)), request_timeout=timeout_s)
    for name, future in described.items():
        try:
            topic = future.result()
        except KafkaException as exception:
            error = exception.args[0]
            if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                continue
            raise as_ours(settings, error, f"{name} was not read") from None
        found[name] = TopicShape(str(topic.topic_id), len(topic.partitions))
    return found


def records_since(
    settings: Settings, topic: TopicFacts, read: Mapping[str, int], *, timeout_s: float = 15.0
) -> int:
    """How many records a topic has behind these positions, at most: compaction leaves holes.

    Args:
        settings: Where the broker is.
        topic: Which.
        read: "<topic id>:<partition>" -> next offset; a partition that is not named is read from
            its start.
        timeout_s: How long to wait for an answer.

    Raises:
        BrokerUnavailableError: No broker answers.
    """
    from confluent_kafka import Consumer, KafkaException, TopicPartition

    consumer = Consumer(consumer_config(settings, f"{settings.app_id}-doctor"))
    n_records = 0
    try:
        for partition in range(topic.n_partitions):
            at = TopicPartition(topic.name, partition)
            low, high = consumer.get_watermark_offsets(at, timeout=timeout_s)
            n_records += max(0, high - max(low, read.get(f"{topic.topic_id}:{partition}", 0)))
    except KafkaException as exception:
        raise as_ours(settings, exception.args[0], f"{topic.name} was not read") from None
    finally:
        consumer.close()
    return n_records
