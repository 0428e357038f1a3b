"""Partitions of some topics, from a moment to where they end now; commits nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.errors import BrokerUnavailableError
from streams.kafka_config import consumer_config
from streams.positions import Source, place_of
from streams.records import MAX_AHEAD_MS
from streams.topics import as_ours, connect, is_embedded

if TYPE_CHECKING:
    from confluent_kafka import Message

    from streams.settings import Settings

ANSWER_S: Final = 15.0
SILENCE_S: Final = 30.0
_AT_ONCE: Final = 1_000


def to_the_end(
    settings: Settings,
    sources: Sequence[Source],
    since_ms: int,
    progress: Callable[[int, int], None],
) -> Iterator[list[tuple[Source, Message | None]]]:
    """Messages as they come, each source's in its order; None = this source is at its end.

    Args:
        settings: Where the broker is.
        sources: Topics that exist, and partitions.
        since_ms: Nothing of an earlier moment is wanted; some of it may come all the same.
        progress: Told how many messages are read, and of how many.

    Raises:
        BrokerUnavailableError: No broker answers, or it fell silent.
        TopicMismatchError: It refuses.
    """
    config = consumer_config(
        settings, f"{settings.app_id}-export", **{"enable.partition.eof": True}
    )
    consumer = Consumer(config)
    try:
        yield from _read(settings, consumer, sources, since_ms, progress)
    except KafkaException as exception:
        raise as_ours(settings, exception.args[0], "the export stopped") from None
    finally:
        consumer.close()


def _read(
    settings: Settings,
    consumer: Consumer,
    sources: Sequence[Source],
    since_ms: int,
    progress: Callable[[int, int], None],
) -> Iterator[list[tuple[Source, Message | None]]]:
    starts, n_all = _starts(settings, consumer, sources, since_ms)
    consumer.assign(starts)
    waiting, n_read, heard_s = set(sources), 0, time.monotonic()
    while waiting:
        messages = consumer.consume(1, 1.0)
        if messages:
            messages += consumer.consume(_AT_ONCE - 1, 0)  # what is there: it would wait for more
            heard_s = time.monotonic()
        elif time.monotonic() - heard_s > SILENCE_S:
            raise BrokerUnavailableError(
                f"the export stopped: {settings.bootstrap_servers} was silent for "
                f"{SILENCE_S:.0f} s; try again"
            )
        found: list[tuple[Source, Message | None]] = []
        for message in messages:
            source = (message.topic() or "", place_of(message)[0])
            error = message.error()
            if error is None:
                n_read += 1
                found.append((source, message))
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - it has no public name
                waiting.discard(source)
                found.append((source, None))
            elif not error.retriable():
                raise KafkaException(error)
        progress(min(n_read, n_all), n_all)
        yield found


def _starts(
    settings: Settings, consumer: Consumer, sources: Sequence[Source], since_ms: int
) -> tuple[list[TopicPartition], int]:
    """Where each source begins; nothing of a later moment was produced much before it."""
    asked = [TopicPartition(*source, max(0, since_ms - MAX_AHEAD_MS)) for source in sources]
    _, cluster = connect(settings, ANSWER_S)
    if since_ms and not is_embedded(cluster):  # which knows no times
        asked = consumer.offsets_for_times(asked, timeout=ANSWER_S)
    else:
        asked = [TopicPartition(*source, 0) for source in sources]
    n_left = 0
    for place in asked:
        low, high = consumer.get_watermark_offsets(place, timeout=ANSWER_S)
        place.offset = high if place.offset < 0 else max(low, place.offset)
        n_left += high - place.offset
    return asked, n_left
