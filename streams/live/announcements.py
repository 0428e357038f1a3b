"""index-versions topic -> what is announced while a worker runs."""

from __future__ import annotations

from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams import index_versions
from streams.connection import PartitionReader
from streams.index_versions import IndexVersion
from streams.kafka_config import consumer_config
from streams.patience import ask
from streams.refusal import Complaints, unanswered
from streams.settings import Settings

log = structlog.get_logger(__name__)

ANSWER_S: Final = 15.0


class Announcements:
    """What is announced from now on.

    A version is made current before it is announced. So whoever takes the position first and opens
    the current version then misses nothing, and what was announced before is not newer than that.
    """

    def __init__(self, settings: Settings) -> None:
        """Take the position.

        Raises:
            BrokerUnavailableError: No broker answers.
        """
        self._topic = settings.topic("index_versions")
        complaints = Complaints()
        config = consumer_config(settings, f"{settings.app_id}-index-versions", error_cb=complaints)
        partition = TopicPartition(self._topic, index_versions.PARTITION)
        consumer = Consumer(config)
        try:
            _, end = ask(
                lambda: consumer.get_watermark_offsets(partition, timeout=ANSWER_S), ANSWER_S
            )
        except KafkaException as exception:
            cause = complaints.cause(consumer, exception.args[0])
            what = f"{self._topic} was not read"
            raise unanswered(settings.bootstrap_servers, cause, what) from None
        finally:
            consumer.close()
        partition.offset = end
        self._reader = PartitionReader(config, [partition])

    def newest(self, timeout_s: float) -> IndexVersion | None:
        """The last of those that wait; None when there is none within `timeout_s`.

        Raises:
            RejectedError: It cannot be read.
        """
        messages = self._reader.consume(1, timeout_s)
        if not messages:
            return None
        last = None
        for message in messages + self._reader.consume(100, 0):
            error = message.error()
            if error is None:
                last = message
            else:
                log.warning("announcements interrupted", topic=self._topic, error=error.str())
        return None if last is None else index_versions.decode(last.value())

    def close(self) -> None:
        """Leave the broker."""
        self._reader.close()
