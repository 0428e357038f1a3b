"""The dead letters of all topics: listed, and sent back to where they came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from streams.dead_letter import DeadLetter, letter_of
from streams.errors import BrokerUnavailableError, TopicMismatchError
from streams.kafka_config import producer_config
from streams.settings import Settings
from streams.topics import LEARNED, SOURCES, connect, dead_letter_topic

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message

_ANSWER_S: Final = 15.0
_ACKNOWLEDGED_S: Final = 35.0


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did.

    Attributes:
        n_sent: Sent back, and acknowledged.
        n_cut: Left out, for only their beginning was kept.
        n_repeated: Left out, for they are later attempts of messages that were sent.
        n_too_long: Left out, for their topic takes no message so long any more.
    """

    n_sent: int
    n_cut: int
    n_repeated: int
    n_too_long: int = 0


def list_dead_letters(
    settings: Settings, *, topic: str | None = None, max_n: int | None = None
) -> Iterator[DeadLetter]:
    """All dead letters that are there now, oldest first within each topic.

    Args:
        settings: Where the broker is.
        topic: Only those of this source topic.
        max_n: Stop after so many.

    Raises:
        BrokerUnavailableError: No broker answers.
        RefusedError: One refuses our credentials, or we its certificate.
    """
    from streams.letter_box import messages_there_now, reader

    # The group is never joined: partitions are assigned, nothing is committed.
    with reader(settings, "dead-letters-list", "dead letters were not read") as consumer:
        n_seen = 0
        for message in messages_there_now(consumer, _boxes(settings, topic), from_start=True):
            if max_n is not None and n_seen >= max_n:
                return
            n_seen += 1
            yield letter_of(message)


def replay_dead_letters(
    settings: Settings,
    *,
    topic: str | None = None,
    max_n: int | None = None,
    from_start: bool = False,
) -> Replayed:
    """Send dead letters back to where they came from: the same bytes under the same key.

    What was sent back is remembered at the broker (group `<app_id>-dead-letters-replay`), so that
    the next call goes on after it. At least once: a crash between sending and remembering sends
    some again, which their users' rows notice by event id. One that cannot be read again comes back
    with one attempt more; a call never sends a message twice, however many letters it has by then.

    Args:
        settings: Where the broker is.
        topic: Only those of this source topic.
        max_n: Stop after so many.
        from_start: Forget what was sent back before.

    Raises:
        BrokerUnavailableError: No broker answers, or it did not acknowledge.
        RefusedError: One refuses our credentials, or we its certificate.
    """
    from confluent_kafka import TopicPartition

    from streams.letter_box import messages_there_now, reader

    sender = _Sender(settings)
    positions: dict[tuple[str, int], int] = {}
    sent: set[tuple[str, str, int]] = set()
    n_cut = n_repeated = 0
    with reader(settings, "dead-letters-replay", "dead letters were not sent back") as consumer:
        boxes = _boxes(settings, topic)
        for message in messages_there_now(consumer, boxes, from_start=from_start):
            if max_n is not None and len(sent) >= max_n:
                break
            letter = letter_of(message)
            if letter.is_cut:
                n_cut += 1
            elif (message_id := _message_id(letter)) in sent:
                n_repeated += 1
            else:
                sent.add(message_id)
                sender.send(letter)
            positions[message.topic() or "", message.partition() or 0] = letter.letter_offset + 1
        n_too_long = sender.finish()
        if positions:
            done = [TopicPartition(*where, position) for where, position in positions.items()]
            consumer.commit(offsets=done, asynchronous=False)
        return Replayed(len(sent) - n_too_long, n_cut, n_repeated, n_too_long)


def _message_id(letter: DeadLetter) -> tuple[str, str, int]:
    """A topic that was made anew has other messages at the same places."""
    return letter.topic, letter.first, hash((letter.key, letter.raw))


class _Sender:
    """Sends letters back, and tells what a topic will never take from what may succeed later."""

    def __init__(self, settings: Settings) -> None:
        from confluent_kafka import Producer

        self._producer = Producer(producer_config(settings, **{"message.timeout.ms": 30_000}))
        self._too_long: list[DeadLetter] = []
        self._failures: list[KafkaError] = []

    def send(self, letter: DeadLetter) -> None:
        """Queue one; waits while the queue is full."""
        from confluent_kafka import KafkaException

        while True:
            try:
                self._producer.produce(
                    letter.topic,
                    letter.raw,
                    letter.key,
                    headers=list(letter.back_headers),
                    on_delivery=partial(self._delivered, letter),
                )
            except BufferError:  # librdkafka's queue is full
                self._producer.poll(0.1)
            except KafkaException as refused:  # longer than this producer sends at all
                self._delivered(letter, refused.args[0], None)
                return
            else:
                return

    def finish(self) -> int:
        """Wait until all are acknowledged; how many are too long for their topics.

        A broker refuses a whole batch for one message, so each of it is sent once more, alone.

        Raises:
            BrokerUnavailableError: Some were not acknowledged.
        """
        self._flush()
        doubtful, self._too_long = self._too_long, []
        for letter in doubtful:
            self.send(letter)
            self._flush()
        return len(self._too_long)

    def _flush(self) -> None:
        if self._producer.flush(_ACKNOWLEDGED_S) or self._failures:
            why = self._failures[0].str() if self._failures else "timed out"
            raise BrokerUnavailableError(f"dead letters were not sent back: {why}; try again")

    def _delivered(self, letter: DeadLetter, error: KafkaError | None, _: Message | None) -> None:
        from confluent_kafka import KafkaError

        if error is None:
            return
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            self._too_long.append(letter)
        else:
            self._failures.append(error)


def _boxes(settings: Settings, topic: str | None) -> list[str]:
    """Dead-letter topics of one source, by its kind (`clicks`) or its full name, or of all.

    Whoever reads a topic, worker or learner: those that are not there are empty.

    Raises:
        TopicMismatchError: That source has none.
    """
    boxes = {kind: dead_letter_topic(settings.topic(kind)) for kind in (*SOURCES, *LEARNED)}
    if topic is None:
        return list(boxes.values())
    if topic in boxes:
        return [boxes[topic]]
    box = dead_letter_topic(topic)
    if box not in boxes.values() and box not in connect(settings, _ANSWER_S)[1].topics:
        raise TopicMismatchError(
            f"there are no dead letters of {topic}, for there is no topic {box}: "
            f"use one of {', '.join(boxes)}"
        )
    return [box]
