"""item-vectors topic -> changes since a version was built.  All partitions, no group's share."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Final

import structlog
from confluent_kafka import OFFSET_BEGINNING, KafkaError, Message, TopicPartition

from index import Manifest
from streams.connection import PartitionReader
from streams.errors import BrokerUnavailableError, RejectedError
from streams.item_changes import Deletion, ItemChange, change_in
from streams.kafka_config import consumer_config
from streams.live.index_metrics import IndexMetrics
from streams.positions import place_of
from streams.provenance import FILES_AND_TOPIC
from streams.settings import Settings
from streams.topic_facts import topic_facts

log = structlog.get_logger(__name__)

_AT_ONCE: Final = 16  # a few hundred microseconds of Python: who serves meanwhile hardly waits
_REST_S: Final = 0.0005


def first_offsets(
    items_read: Mapping[str, int], topic_id: str, n_partitions: int, *, too_old: bool
) -> list[int]:
    """Where to read each partition from; `OFFSET_BEGINNING` where a version says nothing of it.

    Args:
        items_read: Of the version's manifest.
        topic_id: The topic's; another one's offsets mean nothing here.
        n_partitions: How many it has.
        too_old: Deletions after the version's build may be forgotten by now: all is read again.
    """
    if too_old:
        return [OFFSET_BEGINNING] * n_partitions
    return [items_read.get(f"{topic_id}:{p}", OFFSET_BEGINNING) for p in range(n_partitions)]


def forgotten_share(manifest: Manifest, retention_ms: int | None) -> float:
    """Time since a version was read together, as a share of that for which a deletion is kept.

    From 1 on, deletions since then may be missing from the topic.

    Args:
        manifest: Of the version.
        retention_ms: Of the topic; None = it keeps them for ever.
    """
    if retention_ms is None:
        return 0.0
    read_at_ms = manifest.created_at_ms - int(manifest.build_s * 1000)
    return (time.time_ns() // 1_000_000 - read_at_ms) / max(retention_ms, 1)


class ChangeReader:
    """Reads what has happened to the items since a version was built; commits nothing.

    Every worker reads every partition, so every worker knows every item. Only committed records are
    seen. A record that cannot be used is logged, counted and passed over. It gets no dead letter:
    every worker would send one.

    Attributes:
        too_old: The topic may have forgotten deletions since the version was built.
    """

    def __init__(
        self, settings: Settings, topic: str, manifest: Manifest, metrics: IndexMetrics
    ) -> None:
        """Take the positions.

        Args:
            settings: Where the broker is.
            topic: The item vectors of the version's encoder.
            manifest: Of the version.
            metrics: Counts what cannot be read.

        Raises:
            BrokerUnavailableError: No broker answers.
            TopicMismatchError: There is no such topic.
        """
        self._topic = topic
        self._bootstrap = settings.bootstrap_servers
        self._manifest = manifest
        self._metrics = metrics
        facts = topic_facts(settings, topic)
        # A version that has items of files, too, has more than the topic: that is no deletion.
        of_topic = manifest.build_parameters.get("source") != FILES_AND_TOPIC and any(
            source.startswith(f"{facts.topic_id}:") for source in manifest.items_read
        )
        self._retention_ms = facts.delete_retention_ms
        self.too_old = of_topic and self.forgotten_share() >= 1
        starts = first_offsets(
            manifest.items_read, facts.topic_id, facts.n_partitions, too_old=self.too_old
        )
        self._reader = PartitionReader(
            consumer_config(
                settings,
                f"{settings.app_id}-item-vectors",  # the client wants a name; none is joined
                **{"enable.partition.eof": True},
            ),
            [TopicPartition(topic, p, start) for p, start in enumerate(starts)],
        )
        self._unfinished = set(range(facts.n_partitions))
        self._seen: set[str] = set()

    def catch_up(
        self,
        apply: Callable[[ItemChange], None],
        known_ids: Sequence[str],
        *,
        timeout_s: float,
        also_there: Container[str] = (),
        stopped: Callable[[], bool] = lambda: False,
    ) -> int:
        """Apply all that is there, up to each partition's end.

        A version that is older than the topic's memory of deletions is compared with all that the
        topic has: what is not there was deleted. What is there and cannot be read was not.

        Args:
            apply: Called with each change, some at a time with a rest in between.
            known_ids: The version's items.
            timeout_s: How long nothing may arrive.
            also_there: Items that are not deleted though the topic may not have them.
            stopped: Asked often; true ends it early.

        Returns:
            How many changes were applied.

        Raises:
            BrokerUnavailableError: Nothing arrived for `timeout_s`.
        """
        n_changes, heard = 0, time.monotonic()
        while self._unfinished and not stopped():
            changes = self.read(_AT_ONCE, 0.2)
            for change in changes:
                apply(change)
            n_changes += len(changes)
            if changes:
                heard = time.monotonic()
                time.sleep(_REST_S)
            elif time.monotonic() - heard > timeout_s:
                raise BrokerUnavailableError(
                    f"{self._topic} at {self._bootstrap} was silent for {timeout_s:.0f} s"
                )
        if self.too_old and not stopped():
            now_ms = time.time_ns() // 1_000_000
            for item_id in known_ids:
                if item_id not in self._seen and item_id not in also_there:
                    apply(Deletion(item_id, now_ms))
        self._seen.clear()
        return n_changes

    def forgotten_share(self) -> float:
        """See `forgotten_share`."""
        return forgotten_share(self._manifest, self._retention_ms)

    def read(self, max_n: int, timeout_s: float) -> list[ItemChange]:
        """The next changes, as soon as there is one; none when nothing came within `timeout_s`."""
        messages = self._reader.consume(1, timeout_s)
        if messages and max_n > 1:  # asked for many at once, librdkafka waits for all of them
            messages += self._reader.consume(max_n - 1, 0)
        return [change for message in messages if (change := self._change(message)) is not None]

    def close(self) -> None:
        """Leave the broker."""
        self._reader.close()

    def _change(self, message: Message) -> ItemChange | None:
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - it has no public name
                self._unfinished.discard(message.partition() or 0)
            else:
                log.warning("item changes interrupted", topic=self._topic, error=error.str())
            return None
        if self.too_old and self._unfinished:  # whatever it says, the item is there, or deleted
            self._seen.add((message.key() or b"").decode(errors="replace"))
        try:
            return change_in(
                message, encoder_version=self._manifest.encoder_version, dim=self._manifest.dim
            )
        except RejectedError as rejected:
            partition, offset = place_of(message)
            self._metrics.unreadable.inc()
            log.warning(
                "unreadable item vector",
                topic=self._topic,
                partition=partition,
                offset=offset,
                reason=rejected.reason,
            )
            return None
