"""item-vectors topic -> staged items: all partitions, up to where they ended when it began."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

import index
from index.hashes import text_hashes
from index.staging import Staging
from streams.building.popularity import Popularity
from streams.errors import BrokerUnavailableError, RejectedError
from streams.item_changes import Deletion, ItemChange, Upsert, change_in
from streams.kafka_config import consumer_config
from streams.patience import ask
from streams.positions import place_of
from streams.refusal import Complaints, unanswered
from streams.settings import Settings
from streams.topics import topic_ids

ItemText = Callable[[index.Item], str]

_AT_ONCE: Final = 1_024
_ANSWER_S: Final = 15.0
_SILENCE_S: Final = 60.0
_QUEUE_KB: Final = 16_384
"""What the client may hold of a partition that is not read yet."""


@dataclass(slots=True)
class Reading:
    """What was read.

    Attributes:
        items_read: "<topic id>:<partition>" -> the next offset, as a manifest keeps it.
        n_records: Messages, superseded ones and deletions included.
        n_unreadable: Those of them that could not be used and were passed over.
    """

    items_read: dict[str, int] = field(default_factory=dict)
    n_records: int = 0
    n_unreadable: int = 0


class TopicItems:
    """Reads the vectors of one encoder. Commits nothing, and sees committed records only."""

    def __init__(
        self,
        settings: Settings,
        topic: str,
        encoder_version: str,
        item_text: ItemText,
        say: Callable[[str], None],
        positions: Mapping[str, int],
    ) -> None:
        """Find out where each partition ends now.

        Args:
            settings: Where the broker is.
            topic: Of the encoder's vectors.
            encoder_version: The model that must have made them.
            item_text: The words of an item that it encodes, so that later builds know them again.
            say: Told of records that cannot be used, and of trouble that may pass.
            positions: "<topic id>:<partition>" of the items topic -> up to where its records are in
                this topic or in a gap. Vectors of later ones are staged, too, and left to be read
                once more: in between there may be older records of their items, in a gap.

        Raises:
            BrokerUnavailableError: No broker answers.
            TopicMismatchError: There is no such topic.
        """
        self._topic = topic
        self._bootstrap = settings.bootstrap_servers
        self._encoder_version = encoder_version
        self._item_text = item_text
        self._say = say
        self._positions = positions
        self._again: dict[int, int] = {}
        self._topic_id = topic_ids(settings, [topic])[topic]
        self._complaints = Complaints()
        self._consumer = Consumer(
            consumer_config(
                settings,
                f"{settings.app_id}-rebuild",  # the client wants a name; none is joined
                error_cb=self._complaints,
                **{"enable.partition.eof": True, "queued.max.messages.kbytes": _QUEUE_KB},
            )
        )
        try:
            self._ends = self._find_ends()
        except KafkaException as exception:
            cause = self._complaints.cause(self._consumer, exception.args[0])
            self._consumer.close()
            raise unanswered(self._bootstrap, cause, f"{topic} was not read") from None
        self.reading = Reading()

    def stage(
        self,
        staging: Staging,
        popularity: Popularity | None = None,
        progress: Callable[[int, int], None] | None = None,
        settled: Callable[[ItemChange], ItemChange] = lambda change: change,
    ) -> Reading:
        """Put all items into `staging`: the newest record of an id counts, a null removes it.

        Args:
            staging: Of vectors of this width.
            popularity: How often each was clicked; None = unknown.
            progress: Told how many offsets are done, and of how many.
            settled: What the newest of each item is worth.

        Raises:
            BrokerUnavailableError: Nothing came for a minute before the end.
        """
        starts = [TopicPartition(self._topic, p, OFFSET_BEGINNING) for p in self._ends]
        self._consumer.assign(starts)
        open_partitions, heard = set(self._ends), time.monotonic()
        while open_partitions:
            newest: dict[str, ItemChange] = {}
            for message in self._consumer.consume(_AT_ONCE, 0.5):
                heard = time.monotonic()
                self._take(message, open_partitions, newest, staging.dim)
            self.stage_changes(list(map(settled, newest.values())), staging, popularity)
            if progress is not None:
                progress(self.reading.n_records, sum(self._ends.values()))
            if time.monotonic() - heard > _SILENCE_S:
                raise BrokerUnavailableError(
                    f"{self._topic} at {self._bootstrap} fell silent before its end; try again"
                )
        return self.reading

    def stage_changes(
        self, changes: Sequence[ItemChange], staging: Staging, popularity: Popularity | None
    ) -> None:
        """Put changes into `staging`; one of an item."""
        staging.remove([change.item_id for change in changes if isinstance(change, Deletion)])
        upserts = [change for change in changes if isinstance(change, Upsert)]
        if not upserts:
            return
        items = [change.item for change in upserts]
        staging.add(
            items,
            np.stack([change.vector for change in upserts]),
            texts=text_hashes(self._encoder_version, [self._item_text(item) for item in items]),
            popularity=popularity.of([item.item_id for item in items]) if popularity else None,
        )

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def _find_ends(self) -> dict[int, int]:
        found = ask(lambda: self._consumer.list_topics(self._topic, timeout=_ANSWER_S), _ANSWER_S)
        ends = {}
        for number in sorted(found.topics[self._topic].partitions):
            ends[number] = ask(partial(self._end_of, number), _ANSWER_S)
        return ends

    def _end_of(self, partition: int) -> int:
        where = TopicPartition(self._topic, partition)
        return int(self._consumer.get_watermark_offsets(where, timeout=_ANSWER_S)[1])

    def _take(
        self,
        message: Message,
        open_partitions: set[int],
        newest: dict[str, ItemChange],
        dim: int,
    ) -> None:
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - it has no public name
                # Behind markers of transactions, or before one that is still open.
                self._end(message.partition() or 0, message.offset() or 0, open_partitions)
            else:
                self._say(f"{self._topic}: {error.str()}")
            return
        partition, offset = place_of(message)
        if partition not in open_partitions:
            return
        if offset >= self._ends[partition]:  # came after we began; the workers follow it
            self._end(partition, self._ends[partition], open_partitions)
            return
        self.reading.n_records += 1
        change = self._decode(message, dim)
        if change is not None:
            newest[change.item_id] = change
            origin = change.origin
            if origin and origin.offset >= self._positions.get(origin.key, sys.maxsize):
                self._again.setdefault(partition, offset)

    def _end(self, partition: int, offset: int, open_partitions: set[int]) -> None:
        if partition in open_partitions:
            open_partitions.discard(partition)
            next_offset = self._again.get(partition, offset)
            self.reading.items_read[f"{self._topic_id}:{partition}"] = next_offset
            self._consumer.pause([TopicPartition(self._topic, partition)])

    def _decode(self, message: Message, dim: int) -> ItemChange | None:
        try:
            return change_in(message, encoder_version=self._encoder_version, dim=dim)
        except RejectedError as rejected:
            partition, offset = place_of(message)
            self.reading.n_unreadable += 1
            self._say(f"left out {self._topic}[{partition}]@{offset}: {rejected.reason}")
            return None
