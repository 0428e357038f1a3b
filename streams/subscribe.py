"""The recommendations topic, as an iterator: committed lists, each once."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, Literal, Self

import structlog

from streams.connection import PartitionReader
from streams.errors import BrokerUnavailableError, RejectedError, TopicMismatchError
from streams.kafka_config import consumer_config
from streams.outputs import Recommendation, decode_recommendation
from streams.refusal import Complaints, unanswered
from streams.settings import Settings

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message, TopicPartition

MAX_REMEMBERED: Final = 100_000
POLL_S: Final = 0.1
LOOK_EVERY_S: Final = 10.0
"""As often as a worker looks at its topics."""

_LOOK_S: Final = 1.0

log = structlog.get_logger(__name__)


class Subscription:
    """Every committed list, once, in the order of its partition.

    Reads all partitions by itself and commits nothing: every subscriber sees every list. Partitions
    that are added meanwhile are read from their beginning, a few seconds later. With
    `delivery = "at_least_once"` a list may be in the topic twice; the second is dropped here unless
    more than 100,000 others lie between.

    The position is taken when the object is made: what is published afterwards is not missed.

        with Subscription(settings, user="u17850") as lists:
            for recommendation in lists:
                ...
    """

    def __init__(
        self,
        settings: Settings,
        *,
        user: str | None = None,
        start: Literal["earliest", "latest"] = "latest",
        max_n: int | None = None,
        should_stop: Callable[[], bool] | None = None,
        topic_timeout_s: float = 15.0,
    ) -> None:
        """Find the topic's partitions and take the position.

        Args:
            settings: Where the broker is.
            user: Only the lists of this user.
            start: From the oldest list that the topic has, or from now on.
            max_n: End after so many lists.
            should_stop: Asked several times a second; true ends the iteration.
            topic_timeout_s: How long to wait for a topic that does not exist yet.

        Raises:
            BrokerUnavailableError: No broker answers.
            RefusedError: One refuses our credentials, or we its certificate.
            TopicMismatchError: The topic does not exist.
        """
        from confluent_kafka import Consumer

        self._bootstrap = settings.bootstrap_servers
        self._topic = settings.topic("recommendations")
        self._key = None if user is None else user.encode()
        self._left = max_n
        self._should_stop = should_stop or (lambda: False)
        self._seen: OrderedDict[str, None] = OrderedDict()
        self.n_duplicates = 0
        self.n_unreadable = 0
        self._complaints = Complaints()
        # librdkafka wants a group's name even where none is joined.
        config = consumer_config(
            settings, f"{settings.app_id}-subscriber", error_cb=self._complaints
        )
        consumer = Consumer(config)
        try:
            positions = self._positions(consumer, start, topic_timeout_s)
        finally:
            consumer.close()
        self._reader = PartitionReader(config, positions)
        self._next_look_s = time.monotonic() + LOOK_EVERY_S

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Recommendation]:
        while self._left is None or self._left > 0:
            if self._should_stop():
                return
            for message in self._reader.consume(1, POLL_S):
                recommendation = self._read(message)
                if recommendation is not None:
                    if self._left is not None:
                        self._left -= 1
                    yield recommendation
            self._look()

    def close(self) -> None:
        """Leave the broker."""
        self._reader.close()

    def _read(self, message: Message) -> Recommendation | None:
        """The list in a message, unless it is of another user, seen before, or unreadable."""
        error = message.error()
        if error is not None:
            if error.fatal():
                raise BrokerUnavailableError(
                    f"{self._topic} is no longer read from {self._bootstrap}: {error.str()}"
                )
            log.warning("subscription interrupted", topic=self._topic, error=error.str())
            return None
        if self._key is not None and message.key() != self._key:
            return None
        try:
            recommendation = decode_recommendation(message.value())
        except RejectedError as rejected:
            self.n_unreadable += 1
            log.warning(
                "unreadable recommendation",
                topic=self._topic,
                partition=message.partition(),
                offset=message.offset(),
                reason=rejected.reason,
            )
            return None
        if recommendation.recommendation_id in self._seen:
            self.n_duplicates += 1
            return None
        self._seen[recommendation.recommendation_id] = None
        if len(self._seen) > MAX_REMEMBERED:
            self._seen.popitem(last=False)
        return recommendation

    def _look(self) -> None:
        """Now and then: a topic that grows has lists of some users in its new partitions."""
        from confluent_kafka import KafkaException

        if time.monotonic() < self._next_look_s:
            return
        self._next_look_s = time.monotonic() + LOOK_EVERY_S
        try:
            added = self._reader.take_added(self._topic, _LOOK_S)
        except KafkaException as exception:  # a broker that is away is told of by the reading
            log.debug("partitions not looked at", topic=self._topic, error=str(exception.args[0]))
            return
        if added:
            log.info("partitions were added", topic=self._topic, partitions=added)

    def _positions(
        self, consumer: Consumer, start: Literal["earliest", "latest"], timeout_s: float
    ) -> list[TopicPartition]:
        """Where to begin in each partition."""
        from confluent_kafka import OFFSET_BEGINNING, KafkaException, TopicPartition

        deadline = time.monotonic() + timeout_s
        try:
            while not (numbers := self._partitions(consumer, timeout_s)):
                if time.monotonic() > deadline or self._should_stop():
                    raise TopicMismatchError(
                        f"topic {self._topic} does not exist at {self._bootstrap}: "
                        "run `rillstream topics create`"
                    )
                time.sleep(0.1)
            positions = [TopicPartition(self._topic, n, OFFSET_BEGINNING) for n in numbers]
            if start == "latest":
                for position in positions:
                    position.offset = _end(consumer, position, timeout_s)
        except KafkaException as exception:
            cause = self._complaints.cause(consumer, exception.args[0])
            raise unanswered(self._bootstrap, cause, "no lists were read") from None
        return positions

    def _partitions(self, consumer: Consumer, timeout_s: float) -> list[int]:
        topic = consumer.list_topics(self._topic, timeout=timeout_s).topics[self._topic]
        return [] if topic.error is not None else sorted(topic.partitions)


def _end(consumer: Consumer, where: TopicPartition, timeout_s: float) -> int:
    from streams.patience import ask

    return ask(lambda: consumer.get_watermark_offsets(where, timeout=timeout_s)[1], timeout_s)
