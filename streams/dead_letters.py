"""Dead letters: what a worker could not read, raw, with where it was and why; list and replay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streams.errors import BrokerUnavailableError, Reason, TopicMismatchError
from streams.kafka_config import producer_config
from streams.settings import Settings
from streams.topics import (
    DEAD_LETTER_BYTES,
    DEAD_LETTERS,
    LEARNED,
    SOURCES,
    connect,
    dead_letter_topic,
)

if TYPE_CHECKING:
    from confluent_kafka import Message

HEADER_TOPIC: Final = "rillstream.topic"
HEADER_PARTITION: Final = "rillstream.partition"
HEADER_OFFSET: Final = "rillstream.offset"
HEADER_REASON: Final = "rillstream.reason"
HEADER_KIND: Final = "rillstream.kind"
MAX_REASON_BYTES: Final = 1_024
MAX_LETTER_BYTES: Final = DEAD_LETTER_BYTES - 10_000
"""Of key and value: what is left beside headers and the record's own frame."""

MAX_KEY_BYTES: Final = 100_000
_ANSWER_S: Final = 15.0

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message that could not be applied.

    Attributes:
        topic: Where it was read; so are `partition` and `offset`.
        key: Its key, as it was.
        raw: Its value, untouched.
        kind: Why, in one word.
        reason: Why, in one line.
        at_ms: When it was put aside.
        letter_offset: Its own offset among the dead letters.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    raw: bytes | None
    kind: str
    reason: str
    at_ms: int
    letter_offset: int


def dead_letter_record(
    raw: bytes | None,
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    reason: str,
    kind: Reason = "invalid",
) -> tuple[str, bytes | None, bytes | None, Headers]:
    """What to send for a message that was rejected: topic, key, value, headers.

    Key and value are as they were, but for the end of what no dead letter can hold: a topic may
    allow longer messages than ours do, and one that the broker refuses would stop the worker.
    """
    n_bytes = len(key or b"") + len(raw or b"")
    if n_bytes > MAX_LETTER_BYTES:
        key = None if key is None else key[:MAX_KEY_BYTES]
        raw = None if raw is None else raw[: MAX_LETTER_BYTES - len(key or b"")]
        reason = f"cut, for key and value have {n_bytes} bytes: {reason}"
    headers = [
        (HEADER_TOPIC, topic.encode()),
        (HEADER_PARTITION, str(partition).encode()),
        (HEADER_OFFSET, str(offset).encode()),
        (HEADER_KIND, kind.encode()),
        (HEADER_REASON, reason.encode(errors="replace")[:MAX_REASON_BYTES]),
    ]
    return dead_letter_topic(topic), key, raw, headers


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
            yield _letter(message)


def replay_dead_letters(
    settings: Settings,
    *,
    topic: str | None = None,
    max_n: int | None = None,
    from_start: bool = False,
) -> int:
    """Send dead letters back to where they came from: the same bytes under the same key.

    What was sent back is remembered at the broker (group `<app_id>-dead-letters-replay`), so that
    the next call goes on after it. At least once: a crash between sending and remembering sends
    some again, which their users' rows notice by event id.

    Args:
        settings: Where the broker is.
        topic: Only those of this source topic.
        max_n: Stop after so many.
        from_start: Forget what was sent back before.

    Returns:
        How many were sent and acknowledged.

    Raises:
        BrokerUnavailableError: No broker answers, or it did not acknowledge.
        RefusedError: One refuses our credentials, or we its certificate.
    """
    from confluent_kafka import Producer, TopicPartition

    from streams.letter_box import messages_there_now, reader

    producer = Producer(producer_config(settings, **{"message.timeout.ms": 30_000}))
    failures: list[str] = []

    def delivered(error: object, _: Message) -> None:
        if error is not None:
            failures.append(str(error))

    positions: dict[tuple[str, int], int] = {}
    n_sent = 0
    with reader(settings, "dead-letters-replay", "dead letters were not sent back") as consumer:
        boxes = _boxes(settings, topic)
        for message in messages_there_now(consumer, boxes, from_start=from_start):
            if max_n is not None and n_sent >= max_n:
                break
            letter = _letter(message)
            while True:
                try:
                    producer.produce(letter.topic, letter.raw, letter.key, on_delivery=delivered)
                except BufferError:  # librdkafka's queue is full
                    producer.poll(0.1)
                    continue
                break
            n_sent += 1
            positions[message.topic() or "", message.partition() or 0] = letter.letter_offset + 1
        if producer.flush(35) or failures:
            why = failures[0] if failures else "timed out"
            raise BrokerUnavailableError(f"dead letters were not sent back: {why}; try again")
        if positions:
            done = [TopicPartition(*where, position) for where, position in positions.items()]
            consumer.commit(offsets=done, asynchronous=False)
        return n_sent


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


def _letter(message: Message) -> DeadLetter:
    """Headers are read leniently: a dead letter of another program must still be listed."""
    headers = dict(message.headers() or ())
    text = {
        name: value.decode(errors="replace")
        for name, value in headers.items()
        if isinstance(value, bytes)
    }
    letters = message.topic() or ""

    def number(name: str) -> int:
        value = text.get(name, "")
        return int(value) if value.isdecimal() else -1

    return DeadLetter(
        topic=text.get(HEADER_TOPIC) or letters.removesuffix(DEAD_LETTERS),
        partition=number(HEADER_PARTITION),
        offset=number(HEADER_OFFSET),
        key=message.key(),
        raw=message.value(),
        kind=text.get(HEADER_KIND, "unknown"),
        reason=text.get(HEADER_REASON, ""),
        at_ms=message.timestamp()[1],
        letter_offset=message.offset() or 0,
    )
