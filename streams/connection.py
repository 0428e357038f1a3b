"""Notices when a librdkafka client has lost every broker, so that its owner makes a new one.

Since 2.10, librdkafka forgets each broker that the latest metadata do not name. A cluster that is
just coming back may name none, and then a client that knew its brokers forgets them all, the
configured ones too, asks nobody any more, and its calls may block for ever, whatever their
time-outs say (librdkafka issue 5301, open in 2.16). A new client is safe until it has met a broker.
So the rule of this house: whoever keeps a client for long replaces it once all brokers were lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

T = TypeVar("T")

REPLACE_EVERY_S: Final = 2.0


class Lost:
    """Whether a client has said that all brokers are down; give it to the client as `error_cb`."""

    def __init__(self, also: Callable[[KafkaError], None] | None = None) -> None:
        """Start with a client that has lost nothing yet.

        Args:
            also: Called with every error, too.
        """
        self._also = also
        self._lost = False

    def __call__(self, error: KafkaError) -> None:
        """Called by the client's `poll`."""
        from confluent_kafka import KafkaError

        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - it has no public name
            self._lost = True
        if self._also is not None:
            self._also(error)

    def __bool__(self) -> bool:
        return self._lost


class PartitionReader:
    """A consumer of given partitions that outlives its connection: no group, nothing committed.

    It reads on where it was, whichever client reads. For one thread at a time.
    """

    def __init__(self, config: dict[str, Any], positions: Iterable[TopicPartition]) -> None:
        """Assign the partitions.

        Args:
            config: Of a consumer; an `error_cb` in it goes on being called.
            positions: Topic, partition and first offset of each.
        """
        self._config = config
        self._next = {(at.topic, at.partition): at.offset for at in positions}
        self._open()

    def consume(self, at_most: int, wait_s: float) -> list[Message]:
        """What has arrived, errors included; waits for the first at most so long."""
        messages = self._consumer.consume(at_most, wait_s)
        for message in messages:
            topic, partition, offset = message.topic(), message.partition(), message.offset()
            if message.error() is None and topic is not None:
                self._next[topic, partition or 0] = (offset or 0) + 1
        if self._lost and not messages and time.monotonic() - self._opened_s > REPLACE_EVERY_S:
            self._consumer.close()
            self._open()
        return messages

    def take_added(self, topic: str, wait_s: float) -> list[int]:
        """Read those partitions, too, that a topic has got meanwhile: from their beginning.

        Returns:
            Their numbers.

        Raises:
            KafkaException: No broker says within `wait_s` which there are.
        """
        from confluent_kafka import OFFSET_BEGINNING

        if self._lost:  # see above: a new client comes first
            return []
        there = self._consumer.list_topics(topic, timeout=wait_s).topics[topic].partitions
        added = sorted(number for number in there if (topic, number) not in self._next)
        if added:
            self._next |= {(topic, number): OFFSET_BEGINNING for number in added}
            self._assign()
        return added

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def _open(self) -> None:
        from confluent_kafka import Consumer

        self._lost = Lost(self._config.get("error_cb"))
        self._consumer: Consumer = Consumer({**self._config, "error_cb": self._lost})
        self._assign()
        self._opened_s = time.monotonic()

    def _assign(self) -> None:
        from confluent_kafka import TopicPartition

        self._consumer.assign([TopicPartition(*at, offset) for at, offset in self._next.items()])


class AbandonedError(Exception):
    """A call did not end; its thread, and the client in it, are left to themselves."""


class Calls:
    """Calls of a client that may never end, one at a time, in a thread that can be abandoned."""

    def __init__(self) -> None:
        self._thread: _CallThread | None = None

    def call(
        self, function: Callable[[], T], give_up: Callable[[], bool], look_every_s: float
    ) -> T:
        """What `function` returns or raises.

        Args:
            function: Must leave alone what others use, in case it goes on after it was given up.
            give_up: Asked every `look_every_s` while the call lasts.
            look_every_s: A shorter call is not asked about.

        Raises:
            AbandonedError: It was given up.
        """
        thread = self._thread or _CallThread()
        self._thread = None
        thread.requests.put(function)
        while True:
            try:
                result, error = thread.answers.get(timeout=look_every_s)
            except Empty:
                if give_up():
                    thread.requests.put(None)
                    raise AbandonedError from None
                continue
            self._thread = thread
            if error is not None:
                raise error
            return result  # type: ignore[no-any-return]


class _CallThread:
    """Not one of an executor: the interpreter's end would wait for it."""

    def __init__(self) -> None:
        self.requests: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self.answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        threading.Thread(target=self._run, name="writer-calls", daemon=True).start()

    def _run(self) -> None:
        while (function := self.requests.get()) is not None:
            try:
                self.answers.put((function(), None))
            except BaseException as error:
                self.answers.put((None, error))
            del function  # or the client of an abandoned call would live as long as this thread
