"""index-versions topic: which index version workers should serve. One partition, key: `current`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from streams import fields
from streams.errors import BrokerUnavailableError
from streams.kafka_config import producer_config
from streams.records import MAX_BYTES, Record, decode_with, encode
from streams.refusal import Complaints, unanswered
from streams.settings import Settings
from streams.topics import topic_ids

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

    from index import Manifest

KEY: Final = b"current"
PARTITION: Final = 0


class IndexVersion(Record, frozen=True, kw_only=True):
    """The index version that workers should serve.

    Attributes:
        version: Name of its folder.
        encoder_version: The model that made its vectors; a worker with another one cannot serve it.
        at_ms: When it was announced.
    """

    version: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    encoder_version: fields.Version
    at_ms: fields.AtMs


_decoder = msgspec.json.Decoder(IndexVersion)


def decode(raw: bytes | None) -> IndexVersion:
    """A message of the topic.

    Raises:
        RejectedError: The value is no valid announcement.
    """
    return decode_with(_decoder, raw, MAX_BYTES)


def announce(settings: Settings, manifest: Manifest, *, timeout_s: float = 15.0) -> IndexVersion:
    """Tell all workers which version to serve; returns once the broker has stored it.

    The newest announcement counts. An announcement may be stored twice (a retry after a lost
    acknowledgement), which says the same again.

    Args:
        settings: Where the broker is, and the topic's name.
        manifest: Of the version; it must be where the workers look for it before this is called.
        timeout_s: How long to wait for the acknowledgement.

    Raises:
        BrokerUnavailableError: No broker stored it in time.
        TopicMismatchError: There is no such topic.
    """
    from confluent_kafka import Producer

    topic = settings.topic("index_versions")
    # Or a producer would wait for the topic as long as for a broker, and blame the broker.
    topic_ids(settings, [topic], timeout_s=timeout_s)
    said = IndexVersion(
        version=manifest.version,
        encoder_version=manifest.encoder_version,
        at_ms=time.time_ns() // 1_000_000,
    )
    complaints = Complaints()
    limit_ms = int(timeout_s * 1000)
    producer = Producer(
        producer_config(settings, **{"error_cb": complaints, "message.timeout.ms": limit_ms})
    )
    failures: list[KafkaError] = []

    def stored(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failures.append(error)

    producer.produce(topic, encode(said), KEY, partition=PARTITION, on_delivery=stored)
    left = producer.flush(timeout_s + 5)
    what = f"index version {manifest.version} was not announced"
    if failures:
        raise unanswered(settings.bootstrap_servers, complaints.cause(producer, failures[0]), what)
    if left:
        raise BrokerUnavailableError(f"{what}: {settings.bootstrap_servers} is silent")
    return said
