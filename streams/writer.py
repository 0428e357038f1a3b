"""The one writer: all that a batch sends, and its source positions, become durable together.

All of it: changelog entries, lists, features and dead letters. Exactly once is
`transactional_writer.py`, at least once is `acknowledging_writer.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.errors import FatalError, SettingsError, TopicMismatchError
from streams.outbox import Letter, Outbox
from streams.positions import place_of
from streams.refusal import denied

LOOK_EVERY_S = 0.5
"""A batch takes milliseconds; one that takes longer is looked after."""

Moved = Callable[[], None]
"""Called while something waits for the broker, in calls that end by themselves: it is not stuck."""

Boundary = Callable[[str], None]
"""Called with the name of each line of the crash table; a crash test ends the process there."""


def hopeless(error: KafkaError) -> FatalError | None:
    """What to end with where sending the same again cannot help; None = it may."""
    if (refused := denied(error, "nothing was written")) is not None:
        return refused
    if error.code() in (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD):
        return TopicMismatchError(
            f"a topic does not take what this worker writes: {error.str()}; look at the topic's "
            "max.message.bytes and cleanup.policy, or set fewer RILLSTREAM_CANDIDATES"
        )
    if error.code() == KafkaError.INVALID_TRANSACTION_TIMEOUT:
        return SettingsError(
            "the broker allows no transaction to last RILLSTREAM_SESSION_TIMEOUT_S seconds: set "
            "fewer, or raise its transaction.max.timeout.ms"
        )
    return None


def pass_by(name: str) -> None:
    """The boundary of a worker that is not under test."""


def unheard() -> None:
    """Nobody asks whether it moves."""


class Writer(ABC):
    """Makes outboxes durable, one after the other, in the order in which they come.

    Called from one thread. `moved` is told while a commit waits for a broker that is away.
    """

    def __init__(self, config: Mapping[str, Any], changelog: str, boundary: Boundary) -> None:
        self._config = dict(config)
        self._changelog = changelog
        self._boundary = boundary
        self.moved: Moved = unheard
        self._producer: Producer

    @abstractmethod
    def start(self) -> None:
        """Connect, and end whatever an earlier life of this worker left open."""

    @abstractmethod
    def commit(self, outbox: Outbox) -> dict[int, int]:
        """Make all of `outbox` durable, or nothing that a reader of committed records could see.

        Blocks while the broker is away.

        Returns:
            The changelog's position after the batch for each partition whose rows were written;
            empty where it is not known (the local store then keeps its older position and reads a
            little more on recovery).

        Raises:
            FencedError: the claim is over; nothing was written, whoever has the partitions now
                will do it.
            FatalError: see `hopeless`; nothing counts of what was written.
        """

    def close(self) -> None:
        """Send what is waiting."""
        self._producer.flush(5)

    def _produce(
        self,
        producer: Producer,
        outbox: Outbox,
        delivered: Callable[[KafkaError | None, Message], None] | None,
    ) -> dict[int, int]:
        """Queue the whole outbox; the positions returned fill up as the broker acknowledges."""
        ends: dict[int, int] = {}

        def note_position(error: KafkaError | None, message: Message) -> None:
            if error is None:
                partition, offset = place_of(message)
                ends[partition] = offset + 1
            if delivered is not None:
                delivered(error, message)

        for partition, rows in outbox.rows.items():
            batch: list[dict[str, Any]] = [{"key": key, "value": row} for key, row in rows.items()]
            if batch:
                batch[-1]["callback"] = note_position
                _queue(producer, self._changelog, batch, partition, delivered)
        self._boundary("changelog sent")
        for topic, messages in outbox.messages.items():
            _queue(producer, topic, messages, -1, delivered)
        for letter in (*outbox.marked, *outbox.letters):
            _queue_letter(producer, letter, delivered)
        self._boundary("lists sent")
        return ends


def _queue(
    producer: Producer, topic: str, batch: list[dict[str, Any]], partition: int, delivered: Any
) -> None:
    """Queue a batch; where the local queue is full, wait for room and lose no message.

    Raises:
        KafkaException: The producer takes no message any more.
    """
    while producer.produce_batch(topic, batch, partition=partition, on_delivery=delivered) < len(
        batch
    ):
        errors = [message.pop("_error", None) for message in batch]
        for error in errors:
            if error is not None and error.code() != KafkaError._QUEUE_FULL:  # noqa: SLF001 - it has no public name
                raise KafkaException(error)
        batch = [message for message, error in zip(batch, errors, strict=True) if error is not None]
        producer.poll(0.05)


def _queue_letter(producer: Producer, letter: Letter, delivered: Any) -> None:
    """As `_queue`; `produce_batch` knows no headers."""
    while True:
        try:
            producer.produce(
                letter.topic,
                letter.value,
                letter.key,
                headers=list(letter.headers),
                on_delivery=delivered,
            )
        except BufferError:
            producer.poll(0.05)
        else:
            return
