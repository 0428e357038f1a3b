"""changelog topic -> local rows, after a rebalance: reads what the local store has not seen yet."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from streams.errors import BrokerUnavailableError, ChangelogLostError
from streams.positions import place_of
from streams.refusal import denied
from streams.rows import RowStore

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Restored:
    """What a recovery read."""

    n_rows: int
    seconds: float


class Changelog:
    """Brings row stores up to the end of their changelog partitions.

    The end is the one that no transaction can still move: recovery first waits until the last
    *stable* offset of each partition has reached its end, that is until the transactions of a
    previous owner are committed or aborted.  Reading stops at the broker's own end-of-partition
    event, not at "last offset - 1": a transaction ends with a marker, and no record ever has that
    offset.
    """

    def __init__(
        self,
        client_config: Mapping[str, Any],
        topic: str,
        *,
        is_outdated: Callable[[bytes, bytes, bytes], bool] | None = None,
    ) -> None:
        """Connect to nothing yet.

        Args:
            client_config: Where the broker is.
            topic: The rows' topic.
            is_outdated: A key, its row and one behind that -> whether the latter is passed over;
                None = the last row of a key counts, for only their owner can have written it.
        """
        self._config = dict(client_config)
        self._topic = topic
        self._is_outdated = is_outdated

    def restore(
        self,
        stores: Mapping[int, RowStore],
        timeout_s: float,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Restored:
        """Read each partition from its store's position to its end; returns early when `stopped`.

        Raises:
            BrokerUnavailableError: a partition did not become stable, or nothing arrived, within
                `timeout_s`.
            ChangelogLostError: a partition ends before what its store has read of it.
            RefusedError: an ACL is in the way.
        """
        begun, n_rows = time.monotonic(), 0
        ends = self._stable_ends(list(stores), timeout_s, stopped)
        if stopped():
            return Restored(0, time.monotonic() - begun)
        behind = {}
        for partition, store in stores.items():
            start = store.position() or 0
            if start < ends[partition]:
                behind[partition] = start
            elif start > ends[partition]:
                raise ChangelogLostError(
                    f"{self._topic}[{partition}] ends at {ends[partition]}, but the local rows "
                    f"were built from {start} entries: the topic lost data; remove the worker's "
                    "state directory to rebuild from it"
                )
        if behind:
            n_rows = self._read(behind, stores, timeout_s, stopped)
        return Restored(n_rows, time.monotonic() - begun)

    def _stable_ends(
        self, partitions: list[int], timeout_s: float, stopped: Callable[[], bool]
    ) -> dict[int, int]:
        """The end of each partition; of none where it was stopped."""
        if not partitions:
            return {}
        admin, deadline = AdminClient(self._config), time.monotonic() + timeout_s
        while not stopped():
            try:
                stable = self._ends(admin, partitions, IsolationLevel.READ_COMMITTED)
                written = self._ends(admin, partitions, IsolationLevel.READ_UNCOMMITTED)
            except KafkaException as exception:
                self._raise_if_denied(exception.args[0])
                reason = str(exception.args[0])
            else:
                if stable == written:
                    return written
                reason = (
                    f"a transaction is still open: stable up to {stable}, written up to {written}"
                )
            if time.monotonic() > deadline:
                raise BrokerUnavailableError(
                    f"{self._topic} did not become stable within {timeout_s:.0f} s: {reason}"
                )
            time.sleep(0.02)
        return {}

    def _ends(
        self, admin: AdminClient, partitions: list[int], level: IsolationLevel
    ) -> dict[int, int]:
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        wanted = {TopicPartition(self._topic, p): latest for p in partitions}
        answers = admin.list_offsets(wanted, isolation_level=level, request_timeout=5)
        return {tp.partition: answer.result().offset for tp, answer in answers.items()}

    def _read(
        self,
        behind: dict[int, int],
        stores: Mapping[int, RowStore],
        timeout_s: float,
        stopped: Callable[[], bool],
    ) -> int:
        consumer = Consumer(
            {
                **self._config,
                "group.id": f"{self._topic}-recovery",  # needed by the client, never joined
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
                "check.crcs": False,
            }
        )
        n_rows, heard = 0, time.monotonic()
        try:
            consumer.assign([TopicPartition(self._topic, p, start) for p, start in behind.items()])
            while behind and not stopped():
                rows: dict[int, list[tuple[bytes, bytes | None]]] = {}
                reached: dict[int, int] = {}
                for message in consumer.consume(2000, 0.2):
                    error = message.error()
                    if error is None:
                        heard = time.monotonic()
                        partition, offset = place_of(message)
                        row = message.key() or b"", message.value()
                        rows.setdefault(partition, []).append(row)
                        reached[partition] = offset + 1
                        n_rows += 1
                    elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - it has no public name
                        partition, end = place_of(message)
                        reached[partition] = end
                        behind.pop(partition, None)
                    else:  # a broker that is just back knows no topic for a moment
                        self._raise_if_denied(error)
                        log.warning("the changelog is not read now", error=error.str())
                for partition, position in reached.items():
                    store = stores[partition]
                    store.apply(self._newest(rows.get(partition, []), store), position)
                if time.monotonic() - heard > timeout_s:
                    raise BrokerUnavailableError(
                        f"{self._topic}: nothing arrived for {timeout_s:.0f} s"
                    )
        finally:
            consumer.close()
        return n_rows

    def _newest(
        self, found: Sequence[tuple[bytes, bytes | None]], store: RowStore
    ) -> dict[bytes, bytes | None]:
        """The row of each key, by those found behind what a store has."""
        if self._is_outdated is None:
            return dict(found)
        keys = list({key for key, _ in found})
        known = dict(zip(keys, store.get_many(keys), strict=True))
        newest: dict[bytes, bytes | None] = {}
        n_outdated = 0
        for key, row in found:
            before = known[key]
            if before is not None and row is not None and self._is_outdated(key, before, row):
                n_outdated += 1
            else:
                known[key] = newest[key] = row
        if n_outdated:
            log.warning("rows of a worker without its partitions passed over", rows=n_outdated)
        return newest

    def _raise_if_denied(self, error: KafkaError) -> None:
        if (refused := denied(error, f"{self._topic} was not read")) is not None:
            raise refused
