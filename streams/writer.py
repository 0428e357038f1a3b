"""The one writer: all that a batch sends, and its source positions, become durable together.

All of it: changelog entries, lists, features and dead letters.

Crash table of `TransactionalWriter.commit` (what is durable, and what a restart does):

=======================  ==========================  ==========================================
a crash after …          is durable                  on restart
=======================  ==========================  ==========================================
the batch was computed   nothing                     the batch is delivered again
changelog sent,          nothing that counts:        the open transaction is aborted (by the
lists sent               records of an open          same transactional id, or its time-out),
                         transaction                 the batch is delivered again
offsets sent             likewise                    likewise
committed                all of it                   the local store lags behind: recovery
                                                     reads the rest of the changelog; the
                                                     position is past the batch
rows stored              all of it                   nothing is read twice
=======================  ==========================  ==========================================

`AcknowledgingWriter.commit`: whatever was acknowledged before the offsets were committed stays.
The batch is delivered again, the offset in each row leaves the row as it is, and its lists are
published once more with the same recommendation_id.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from streams.connection import AbandonedError, Calls, Lost
from streams.errors import BrokerUnavailableError, FencedError
from streams.markers import ForgottenMarkers
from streams.outbox import Outbox
from streams.positions import GroupPositions, Source, place_of

log = structlog.get_logger(__name__)

_FENCED = {
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.REBALANCE_IN_PROGRESS,
}
_NOT_YET = {
    KafkaError._TIMED_OUT,  # noqa: SLF001 - it has no public name
    KafkaError._STATE,  # noqa: SLF001 - it has no public name
}

LOOK_EVERY_S = 0.5
"""A transaction takes milliseconds; one that takes longer is looked after."""

FORGOTTEN_AFTER_S = 2.0
"""The broker says that a transaction has ended; its markers follow within milliseconds."""

Boundary = Callable[[str], None]
"""Called with the name of each line of the crash table; a crash test ends the process there."""


def pass_by(name: str) -> None:
    """The boundary of a worker that is not under test."""


class Writer(ABC):
    """Makes outboxes durable, one after the other, in the order in which they come.

    Called from one thread.
    """

    def __init__(self, config: Mapping[str, Any], changelog: str, boundary: Boundary) -> None:
        self._config = dict(config)
        self._changelog = changelog
        self._boundary = boundary
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
        for letter in outbox.letters:
            producer.produce(
                letter.topic,
                letter.value,
                letter.key,
                headers=list(letter.headers),
                on_delivery=delivered,
            )
        self._boundary("lists sent")
        return ends


class TransactionalWriter(Writer):
    """Exactly once: one Kafka transaction a batch, the source positions in it (KIP-98, KIP-447).

    Any failure that is not a fence ends in one place: a new producer with the same transactional
    id, whose start makes the broker finish or abort what was open, and then the group's position
    says which it was.  A producer that has lost all brokers fails likewise, also in the middle of a
    call (see connection.py): should that call go on some day, its producer has been fenced.

    A broker that was killed may come back and forget to end a transaction (see markers.py): each
    new producer looks for that first.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        changelog: str,
        positions: GroupPositions,
        *,
        transactional_id: str,
        transaction_timeout_s: float,
        sources: Iterable[Source],
        forgotten: ForgottenMarkers,
        boundary: Boundary = pass_by,
    ) -> None:
        """Connect to nothing yet.

        Args:
            config: Of a producer.
            changelog: The rows' topic.
            positions: Of the group.
            transactional_id: Of this worker, in all its lives.
            transaction_timeout_s: After which the broker aborts what a dead worker left open.
            sources: All that the group reads.
            forgotten: Of the same transactional id.
            boundary: Called at each line of the crash table.
        """
        super().__init__(config, changelog, boundary)
        self._positions = positions
        self._sources = list(sources)
        self._forgotten = forgotten
        self._timeout_s = transaction_timeout_s
        self._calls = Calls()
        self._lost = Lost()
        self._config |= {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": int(transaction_timeout_s * 1000),
            # With the default of 100 ms each transaction waits for the broker to finish the one
            # before.
            "retry.backoff.ms": 1,
            # Back to back: 4.2 ms a transaction; with a maximum of 10 ms 28 ms (p95 8.3, 36.4).
            "retry.backoff.max.ms": 1,
            "socket.nagle.disable": True,
            "linger.ms": 1,
        }

    def start(self) -> None:
        """See `Writer.start`."""
        self._reopen(self._sources)

    def commit(self, outbox: Outbox) -> dict[int, int]:
        """See `Writer.commit`."""
        while True:
            try:
                return self._try(outbox)
            except AbandonedError:
                log.warning("all brokers were lost, opening a new producer")
            except KafkaException as exception:
                error = exception.args[0]
                if error.code() in _FENCED:
                    self._abort()
                    raise FencedError(
                        f"generation {outbox.claim.generation} of the group is over: {error}"
                    ) from exception
                log.warning(
                    "transaction failed, asking the broker what became of it", error=str(error)
                )
            self._reopen(outbox.reached)
            if self._already_committed(outbox):
                return {}

    def close(self) -> None:
        """See `Writer.close`."""
        self._abort()

    def _try(self, outbox: Outbox) -> dict[int, int]:
        """One transaction; given up when its producer has lost all brokers."""
        producer, lost = self._producer, self._lost
        latest = time.monotonic() + 3 * self._timeout_s

        def hopeless() -> bool:
            producer.poll(0)  # where the client says that it has lost them
            return bool(lost) or time.monotonic() > latest

        return self._calls.call(lambda: self._transact(producer, outbox), hopeless, LOOK_EVERY_S)

    def _transact(self, producer: Producer, outbox: Outbox) -> dict[int, int]:
        producer.begin_transaction()
        ends = self._produce(producer, outbox, None)
        offsets = [TopicPartition(t, p, end) for (t, p), end in outbox.ends.items()]
        producer.send_offsets_to_transaction(offsets, outbox.claim.group_metadata, self._timeout_s)
        self._boundary("offsets sent")
        producer.commit_transaction(self._timeout_s)
        self._boundary("committed")
        producer.poll(0)
        return ends

    def _already_committed(self, outbox: Outbox) -> bool:
        """Whether the failed commit took effect after all.

        The positions are committed with the batch or not at all.
        """
        now = self._positions.committed(outbox.reached, self._timeout_s + 30)
        if now == outbox.ends:
            return True
        for source, (begin, _) in outbox.reached.items():
            if now[source] not in (begin, None):
                raise FencedError(
                    f"{source[0]}[{source[1]}] stands at {now[source]}, this batch began at "
                    f"{begin}: another worker has gone on from there"
                )
        return False

    def _reopen(self, sources: Collection[Source]) -> None:
        """A fresh producer; blocks until what the old one left open has ended.

        Args:
            sources: Whose positions must not depend on it any more.
        """
        self._open()
        while self._positions.stuck(sources, FORGOTTEN_AFTER_S):
            log.warning("an earlier transaction does not end, ending it")
            try:
                self._forgotten.write(self._timeout_s)
            except BrokerUnavailableError as error:
                log.warning("that failed", error=str(error))
                self._open()
            else:
                self._open()
                break  # what is still open is not ours

    def _open(self) -> None:
        while True:
            self._lost = Lost()
            producer = Producer({**self._config, "error_cb": self._lost})
            try:
                producer.init_transactions(self._timeout_s)
            except KafkaException as exception:
                error = exception.args[0]
                if not (error.retriable() or error.code() in _NOT_YET):
                    raise
                log.warning("the broker does not open transactions yet", error=str(error))
                time.sleep(0.2)
            else:
                self._producer = producer
                return

    def _abort(self) -> None:
        try:
            self._producer.abort_transaction(5)
        except KafkaException as exception:
            # In this state there was none to abort.
            if exception.args[0].code() != KafkaError._STATE:  # noqa: SLF001 - it has no public name
                log.warning(
                    "abort failed; the broker will time it out", error=str(exception.args[0])
                )


class AcknowledgingWriter(Writer):
    """At least once: an idempotent producer; positions are committed after all acknowledgements."""

    def __init__(
        self,
        config: Mapping[str, Any],
        changelog: str,
        commit_positions: Callable[[Mapping[Source, int], int], None],
        *,
        boundary: Boundary = pass_by,
    ) -> None:
        super().__init__(config, changelog, boundary)
        self._config |= {"enable.idempotence": True, "linger.ms": 1}
        self._commit_positions = commit_positions

    def start(self) -> None:
        """See `Writer.start`."""
        self._lost = Lost()
        self._producer = Producer({**self._config, "error_cb": self._lost})

    def commit(self, outbox: Outbox) -> dict[int, int]:
        """See `Writer.commit`."""
        while True:
            failed: list[KafkaError] = []

            def delivered(
                error: KafkaError | None, _: Message, failed: list[KafkaError] = failed
            ) -> None:
                if error is not None:
                    failed.append(error)

            ends = self._produce(self._producer, outbox, delivered)
            while self._producer.flush(LOOK_EVERY_S):
                if self._lost:  # it may never send again (see connection.py)
                    self._producer.purge()
            if not failed:
                break
            log.warning("a delivery failed, sending the batch again", error=str(failed[0]))
            self.start()
        self._boundary("offsets sent")
        self._commit_positions(outbox.ends, outbox.claim.generation)
        self._boundary("committed")
        return ends


def _queue(
    producer: Producer, topic: str, batch: list[dict[str, Any]], partition: int, delivered: Any
) -> None:
    """Queue a batch; where the local queue is full, wait for room and lose no message."""
    while producer.produce_batch(topic, batch, partition=partition, on_delivery=delivered) < len(
        batch
    ):
        batch = [message for message in batch if message.pop("_error", None) is not None]
        producer.poll(0.05)
