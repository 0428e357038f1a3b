"""model-versions topic -> the heads in force: swapped in between two batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition
from prometheus_client import CollectorRegistry, Counter

from scoring.errors import RankerError
from streams.connection import PartitionReader
from streams.errors import RejectedError
from streams.kafka_config import consumer_config
from streams.learning import model_versions
from streams.live.follower import Follower
from streams.patience import ask
from streams.refusal import Complaints, unanswered

if TYPE_CHECKING:
    from confluent_kafka import Message

    from scoring.ranker.heads import Heads
    from streams.settings import Settings

log = structlog.get_logger(__name__)

ANSWER_S: Final = 15.0
_LOOK_S: Final = 0.25
_BACK: Final = 100
"""So many places from the end the newest heads are found, whatever was aborted behind them."""


class NewestHeads:
    """Reads the topic from a little before its end, so that the newest heads are among the first.

    Compaction keeps older ones for a while; they are of no use to anybody.
    """

    def __init__(self, settings: Settings) -> None:
        """Take the position.

        Raises:
            BrokerUnavailableError: No broker answers.
        """
        self._topic = topic = settings.topic("model_versions")
        complaints = Complaints()
        config = consumer_config(settings, f"{settings.app_id}-model-versions", error_cb=complaints)
        partition = TopicPartition(topic, model_versions.PARTITION)
        consumer = Consumer(config)
        try:
            low, high = ask(
                lambda: consumer.get_watermark_offsets(partition, timeout=ANSWER_S), ANSWER_S
            )
        except KafkaException as exception:
            cause = complaints.cause(consumer, exception.args[0])
            raise unanswered(settings.bootstrap_servers, cause, f"{topic} was not read") from None
        finally:
            consumer.close()
        partition.offset = max(low, high - _BACK)
        self._reader = PartitionReader(config, [partition])

    def newest(self, wait_s: float) -> Message | None:
        """The last of those that wait; None when there is none in time."""
        found = None
        messages = self._reader.consume(1, wait_s)
        while messages:
            for message in messages:
                error = message.error()
                if error is not None:
                    log.warning("heads interrupted", topic=self._topic, error=error.str())
                elif message.key() == model_versions.KEY:
                    found = message
            messages = self._reader.consume(_BACK, 0)
        return found

    def close(self) -> None:
        """Leave the broker."""
        self._reader.close()


class HeadsFollower(Follower):
    """Takes what is published; whatever is wrong with it, the old heads go on.

    A restart begins with the rankers' own heads, then finds the newest. As it would take them, so
    does a worker that has refused them when it gets the ranker or the encoder that they are for.
    """

    def __init__(
        self,
        heads: NewestHeads,
        bases: Callable[[], Mapping[str, Heads]],
        encoder_version: Callable[[], str],
        take: Callable[[Heads, str, str], object],
        registry: CollectorRegistry,
    ) -> None:
        """Say what to follow.

        Args:
            heads: What is published.
            bases: Version -> heads of the rankers in force: heads that were learned from others
                are refused.
            encoder_version: Of the lists that are made now.
            take: Called with other heads, the version of those that they were learned from, and
                the encoder of the lists; returns when they are in force, or raises a RankerError.
            registry: Where what was taken and refused is counted.
        """
        super().__init__("model-versions")
        self._newest: Message | None = None
        self._refused_under: tuple[str, frozenset[str]] | None = None
        self._heads = heads
        self._bases = bases
        self._encoder_version = encoder_version
        self._take = take
        self._taken = Counter(
            "rillstream_heads_taken", "Heads that were swapped in", registry=registry
        )
        self._refused = Counter(
            "rillstream_heads_refused", "Published heads that could not be used", registry=registry
        )

    def look(self, wait_s: float = _LOOK_S) -> None:
        """Take the newest heads over, unless they are in force, or refused as things are."""
        message = self._heads.newest(wait_s)
        if message is not None:
            self._newest, self._refused_under = message, None
        under = self._encoder_version(), frozenset(self._bases())
        if self._newest is None or under == self._refused_under:
            return
        try:
            said = model_versions.read_headers(self._newest.headers())  # type: ignore[arg-type]
            heads = self._usable(said, self._newest.value() or b"")
            self._take(heads, said.base_version, said.encoder_version)
        except (RejectedError, RankerError) as error:
            self._refused_under = under
            self._refused.inc()
            log.error("heads refused, the old ones go on", reason=str(error))
        else:
            self._newest = None
            self._taken.inc()
            log.info("heads in force", heads=heads.version, learned_to_ms=said.learned_to_ms)

    def leave(self) -> None:
        """See `Follower.leave`."""
        self._heads.close()

    def _usable(self, said: model_versions.HeadsVersion, raw: bytes) -> Heads:
        bases = self._bases()
        base = bases.get(said.base_version)
        if base is None:
            raise RankerError(
                f"{said.version} was learned from {said.base_version}, rankers here have "
                f"{', '.join(bases) or 'none'}: learner and workers need the same ranker"
            )
        if said.features_version != base.features_version:
            raise RankerError(
                f"{said.version} has {said.features_version}, this ranker {base.features_version}: "
                "learner and workers need the same ranker"
            )
        return type(base).from_bytes(raw)
