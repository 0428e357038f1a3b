"""Reads topics up to the ends that they have at the start, so that the reading ends."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from streams.errors import BrokerUnavailableError
from streams.kafka_config import consumer_config
from streams.patience import NOT_READY, ask
from streams.refusal import Complaints, unanswered
from streams.settings import Settings

ANSWER_S: Final = 15.0
SILENCE_S: Final = 30.0

Ends = dict[tuple[str, int], int]


@contextmanager
def reader(settings: Settings, name: str, undone: str) -> Iterator[Consumer]:
    """A consumer of the group `<app_id>-<name>`; what it raises says why `undone`."""
    complaints = Complaints()
    more = {"enable.partition.eof": True, "error_cb": complaints}
    consumer = Consumer(consumer_config(settings, f"{settings.app_id}-{name}", **more))
    try:
        yield consumer
    except KafkaException as exception:
        cause = complaints.cause(consumer, exception.args[0])
        raise unanswered(settings.bootstrap_servers, cause, undone) from None
    finally:
        consumer.close()


def messages_there_now(
    consumer: Consumer, topics: Sequence[str], *, from_start: bool
) -> Iterator[Message]:
    """Every message that the topics hold now, partition by partition in order.

    Args:
        consumer: With `enable.partition.eof`; its group's committed positions are where it starts.
        topics: Those that do not exist are empty.
        from_start: Start at the beginning instead.

    Raises:
        KafkaException: No broker answers, or it answers with an error.
        BrokerUnavailableError: It fell silent on the way.
    """
    starts, ends = _spans(consumer, topics, from_start=from_start)
    consumer.assign(starts)
    heard_s = time.monotonic()
    while ends:
        message = consumer.poll(0.5)
        if message is None:
            if time.monotonic() - heard_s > SILENCE_S:
                raise BrokerUnavailableError(f"the broker was silent for {SILENCE_S:.0f} s")
            continue
        heard_s = time.monotonic()
        if _is_wanted(message, ends):
            yield message


def _spans(
    consumer: Consumer, topics: Sequence[str], *, from_start: bool
) -> tuple[list[TopicPartition], Ends]:
    """Where to start in each partition that has something, and where it ends."""
    known = consumer.list_topics(timeout=ANSWER_S).topics
    starts: list[TopicPartition] = []
    ends: Ends = {}
    for name in topics:
        for number in known[name].partitions if name in known else ():
            start = TopicPartition(name, number, OFFSET_BEGINNING)
            low, high = _bounds(consumer, start)
            if not from_start:
                committed = _committed(consumer, start)
                if committed > low:
                    start.offset = committed
            if high > max(low, start.offset):
                starts.append(start)
                ends[name, number] = high
    return starts, ends


def _bounds(consumer: Consumer, where: TopicPartition) -> tuple[int, int]:
    return ask(lambda: consumer.get_watermark_offsets(where, timeout=ANSWER_S), ANSWER_S)


def _committed(consumer: Consumer, where: TopicPartition) -> int:
    return ask(lambda: consumer.committed([where], timeout=ANSWER_S)[0].offset, ANSWER_S)


def _is_wanted(message: Message, ends: Ends) -> bool:
    """Whether it is a message before its partition's end; strikes partitions off that are done."""
    where = message.topic() or "", message.partition() or 0
    error = message.error()
    if error is not None:
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - it has no public name
            ends.pop(where, None)  # what is left are markers of transactions
        elif error.code() not in NOT_READY:
            raise KafkaException(error)
        return False
    offset, end = message.offset() or 0, ends.get(where, 0)
    if offset + 1 >= end:
        ends.pop(where, None)
    return offset < end
