"""At least once: positions are committed after all acknowledgements.

`AcknowledgingWriter.commit`: whatever was acknowledged before the offsets were committed stays.
The batch is delivered again, the offset in each row leaves the row as it is, and its lists are
published once more with the same recommendation_id.

A worker that has lost its partitions and does not know it yet can still write the rows of one
batch: nothing but its position is refused. Recovery tells them by their offsets (`outdated_rows`).
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.connection import Lost
from streams.outbox import Outbox
from streams.positions import Source
from streams.writer import LOOK_EVERY_S, Boundary, Writer, hopeless, pass_by

log = structlog.get_logger(__name__)

TELL_EVERY_S = 30.0
"""How often the log says that a batch waits; the client gives one up after five minutes."""

CommitPositions = Callable[
    [Mapping[Source, int], Mapping[Source, str], int, Callable[[], object]], None
]
"""Commits next offsets and notes of source partitions in a generation of the group; calls the last
while it waits."""


class AcknowledgingWriter(Writer):
    """At least once: an idempotent producer; positions are committed after all acknowledgements."""

    def __init__(
        self,
        config: Mapping[str, Any],
        changelog: str,
        commit_positions: CommitPositions,
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

            ends: dict[int, int] = {}
            try:
                ends = self._produce(self._producer, outbox, delivered)
            except KafkaException as exception:
                failed.append(exception.args[0])
            self._await_acknowledgements()
            if not failed:
                break
            if (fatal := hopeless(failed[0])) is not None:
                raise fatal
            log.warning("a delivery failed, sending the batch again", error=str(failed[0]))
            self.start()
        self._boundary("offsets sent")
        self._commit_positions(outbox.ends, outbox.notes, outbox.claim.generation, self.moved)
        self._boundary("committed")
        return ends

    def _await_acknowledgements(self) -> None:
        begun_s = told_s = time.monotonic()
        while waiting := self._producer.flush(LOOK_EVERY_S):
            self.moved()
            if (now_s := time.monotonic()) - told_s >= TELL_EVERY_S:
                told_s = now_s
                log.warning(
                    "a batch is not acknowledged yet; are its topics there, and the broker?",
                    messages=waiting,
                    waited_s=round(now_s - begun_s),
                )
            if self._lost:  # it may never send again (see connection.py)
                self._producer.purge()
