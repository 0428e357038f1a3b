"""Asks a broker again while its answer is that it is not ready yet."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from confluent_kafka import KafkaError, KafkaException

T = TypeVar("T")

NOT_READY: Final = frozenset(
    {
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    }
)
"""What a broker says of a partition or a group that was made, or moved, a moment ago."""

PAUSE_S: Final = 0.05


def ask(question: Callable[[], T], timeout_s: float) -> T:
    """The answer to a question; asked again for up to `timeout_s` while the broker is not ready.

    KRaft's controller acknowledges a topic before every broker has taken its partitions over, so
    the first question about a new topic may fail though nothing is wrong.

    Raises:
        KafkaException: Another error, or the same one until the end.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return question()
        except KafkaException as exception:
            not_ready = exception.args[0].code() in NOT_READY
            if not not_ready or time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_S)
