"""Where the group stands: committed positions that no open transaction can still change."""

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.errors import BrokerUnavailableError
from streams.refusal import denied

Source = tuple[str, int]

RETRY = {
    KafkaError.UNSTABLE_OFFSET_COMMIT,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError._TIMED_OUT,  # noqa: SLF001 - it has no public name
    KafkaError._TRANSPORT,  # noqa: SLF001 - it has no public name
    KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 - it has no public name
    KafkaError._WAIT_COORD,  # noqa: SLF001 - it has no public name
}
"""Of questions about a group: the same one may be answered a moment later."""


ANSWER_S = 5.0
"""A broker that is there answers in milliseconds."""

_AT_ONCE_S = 0.5


def place_of(message: Message) -> tuple[int, int]:
    """Partition and offset of a message that the broker has stored.

    Raises:
        ValueError: it has not been stored.
    """
    partition, offset = message.partition(), message.offset()
    if partition is None or offset is None:
        raise ValueError("the message has no place in a log")
    return partition, offset


class GroupPositions:
    """Reads a group's committed offsets without being a member of it.

    The reader's isolation level is `read_committed`, which makes librdkafka ask the broker for
    *stable* offsets (KIP-447): while a transaction of a worker that has just died is neither
    committed nor aborted, the broker answers "unstable" and the question is asked again.
    aiokafka's own offset fetch does not ask for that, and a successor that believed it would
    process a batch a second time.
    """

    def __init__(
        self, client_config: Mapping[str, Any], group: str, *, isolation: str = "read_committed"
    ) -> None:
        """Connect.

        Args:
            client_config: Where the broker is.
            group: Whose positions.
            isolation: read_uncommitted = what is committed now, at once; a transaction that is
                under way may move it.
        """
        self._config = {
            **client_config,
            "group.id": group,
            "enable.auto.commit": False,
            "isolation.level": isolation,
            "auto.offset.reset": "earliest",
            # An open transaction ends within milliseconds.
            "retry.backoff.ms": 20,
            "retry.backoff.max.ms": 200,
        }
        self._consumer = Consumer(self._config)
        self._asking = threading.Lock()  # or one thread would close the client of another

    def committed(self, sources: Iterable[Source], timeout_s: float) -> dict[Source, int | None]:
        """Next position of each source partition; None where the group has committed nothing yet.

        Raises:
            BrokerUnavailableError: no stable answer within `timeout_s`.
            RefusedError: an ACL is in the way.
        """
        return {s: offset for s, (offset, _) in self.noted(sources, timeout_s).items()}

    def noted(
        self, sources: Iterable[Source], timeout_s: float
    ) -> dict[Source, tuple[int | None, str]]:
        """As `committed`, with what was committed beside each position."""
        wanted = [TopicPartition(topic, partition) for topic, partition in sources]
        if not wanted:
            return {}
        found = self._retry(lambda left: self._consumer.committed(wanted, timeout=left), timeout_s)
        return {
            (p.topic, p.partition): (p.offset if p.offset >= 0 else None, p.metadata or "")
            for p in found
        }

    def stuck(self, sources: Iterable[Source], patience_s: float) -> bool:
        """Whether some position stays open to change for so long; transactions take milliseconds.

        Each position is asked for alone in the end: while other workers are busy, there may be no
        moment at which all are stable.
        """
        wanted = list(sources)
        try:
            self.committed(wanted, _AT_ONCE_S)
        except BrokerUnavailableError:
            pass
        else:
            return False
        try:
            for source in wanted:
                self.committed([source], patience_s)
        except BrokerUnavailableError:
            return True
        return False

    def start(self, source: Source, timeout_s: float) -> int:
        """The first offset that the partition still has."""
        partition = TopicPartition(*source)
        low, _ = self._retry(
            lambda left: self._consumer.get_watermark_offsets(partition, timeout=left), timeout_s
        )
        return int(low)

    def next_to_read(self, sources: Iterable[Source], timeout_s: float) -> dict[Source, int]:
        """Where processing goes on: the committed position; without one, the partition's start."""
        return {
            source: self.start(source, timeout_s) if offset is None else offset
            for source, offset in self.committed(sources, timeout_s).items()
        }

    def close(self) -> None:
        """Leave nothing open; the reader was never a member of the group."""
        with self._asking:
            self._consumer.close()

    def _retry(self, ask: Any, timeout_s: float) -> Any:
        deadline = time.monotonic() + timeout_s
        while True:
            with self._asking:
                try:
                    answer = ask(max(0.5, min(ANSWER_S, deadline - time.monotonic())))
                    errors = [p.error for p in answer if getattr(p, "error", None) is not None]
                    if not errors:
                        return answer
                    error = errors[0]
                except KafkaException as exception:
                    error = exception.args[0]
                    # It may have lost its brokers for ever (see connection.py); a new one is cheap.
                    self._consumer.close()
                    self._consumer = Consumer(self._config)
            if (refused := denied(error, "the group's positions were not read")) is not None:
                raise refused
            if error.code() not in RETRY or time.monotonic() > deadline:
                raise BrokerUnavailableError(
                    "the group's committed positions could not be read within "
                    f"{timeout_s:.0f} s: {error}"
                )
            time.sleep(0.02)


def noted_now(
    client_config: Mapping[str, Any], group: str, sources: Iterable[Source], timeout_s: float
) -> dict[Source, tuple[int | None, str]]:
    """What is committed now, and the notes beside it; transactions under way may move it.

    Raises:
        BrokerUnavailableError: no answer within `timeout_s`.
    """
    positions = GroupPositions(client_config, group, isolation="read_uncommitted")
    try:
        return positions.noted(sources, timeout_s)
    finally:
        positions.close()
