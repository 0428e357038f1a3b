"""Exactly once: one Kafka transaction a batch.

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
"""

import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from streams.connection import AbandonedError, Calls, Lost
from streams.errors import BrokerUnavailableError, FencedError
from streams.markers import ForgottenMarkers
from streams.outbox import Outbox
from streams.positions import GroupPositions, Source
from streams.writer import LOOK_EVERY_S, Boundary, Writer, hopeless, pass_by

log = structlog.get_logger(__name__)

_FENCED = {
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.REBALANCE_IN_PROGRESS,
}
_SUCCEEDED = {
    KafkaError._FENCED,  # noqa: SLF001 - it has no public name
    KafkaError.PRODUCER_FENCED,
    KafkaError.INVALID_PRODUCER_EPOCH,
}
"""Another producer has opened under this worker's name since."""

_NOT_YET = {
    KafkaError._TIMED_OUT,  # noqa: SLF001 - it has no public name
    KafkaError._STATE,  # noqa: SLF001 - it has no public name
}

FORGOTTEN_AFTER_S = 2.0
"""The broker says that a transaction has ended; its markers follow within milliseconds."""


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
        """See `Writer.start`.

        Raises:
            FencedError: Another worker of this name, one of two with the same state folder, opened
                its transactions at the same moment.
        """
        self._reopen(self._sources)

    def commit(self, outbox: Outbox) -> dict[int, int]:
        """See `Writer.commit`."""
        while True:
            begun_s = time.monotonic()
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
                if (fatal := hopeless(error)) is not None:
                    self._abort()
                    raise fatal from exception
                self._tell(error, time.monotonic() - begun_s)
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
            self.moved()
            return bool(lost) or time.monotonic() > latest

        return self._calls.call(lambda: self._transact(producer, outbox), hopeless, LOOK_EVERY_S)

    def _transact(self, producer: Producer, outbox: Outbox) -> dict[int, int]:
        producer.begin_transaction()
        ends = self._produce(producer, outbox, None)
        offsets = [
            TopicPartition(*source, end, outbox.notes.get(source, ""))
            for source, end in outbox.ends.items()
        ]
        producer.send_offsets_to_transaction(offsets, outbox.claim.group_metadata, self._timeout_s)
        self._boundary("offsets sent")
        producer.commit_transaction(self._timeout_s)
        self._boundary("committed")
        producer.poll(0)
        return ends

    def _tell(self, error: KafkaError, lasted_s: float) -> None:
        """Say what has become of a transaction that was begun so long ago.

        The broker itself fences a producer only once its transaction has lasted for its time-out.
        """
        fenced = error.code() == KafkaError._FENCED  # noqa: SLF001 - it has no public name
        if fenced and lasted_s < self._timeout_s:
            log.error(
                "another producer has this worker's name, and ended its transaction. If that is "
                "said again, one of two workers has a copy of the other's state folder: stop one, "
                "delete worker-id in its state folder, start it again",
                transactional_id=self._config["transactional.id"],
                error=str(error),
            )
        else:
            log.warning("transaction failed, asking the broker what became of it", error=str(error))

    def _already_committed(self, outbox: Outbox) -> bool:
        """Whether the failed commit took effect after all.

        The positions are committed with the batch or not at all. Of one that moves none it cannot
        be told: whoever makes such a batch lets it be sent twice (the learner, which reads again
        what it has read before, then repeats its own state).
        """
        now = self._positions.committed(outbox.reached, self._timeout_s + 30)
        if now == outbox.ends and any(begin != end for begin, end in outbox.reached.values()):
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
            self.moved()
            self._lost = Lost()
            producer = Producer({**self._config, "error_cb": self._lost})
            try:
                producer.init_transactions(self._timeout_s)
            except KafkaException as exception:
                error = exception.args[0]
                if (fatal := hopeless(error)) is not None:
                    raise fatal from exception
                if error.code() in _SUCCEEDED:
                    name = self._config["transactional.id"]
                    raise FencedError(
                        f"another producer opened as {name} at the same moment: {error}"
                    ) from exception
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
