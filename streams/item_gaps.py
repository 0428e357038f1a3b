"""items topic -> what an encoder's vectors lack: records that were taken with another encoder."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from confluent_kafka import KafkaError, Message, TopicPartition
from numpy.typing import NDArray

from index.hashes import text_hashes
from streams.connection import PartitionReader
from streams.errors import BrokerUnavailableError, RejectedError
from streams.indexed import as_indexed
from streams.item_changes import Deletion, ItemChange, Upsert
from streams.item_origin import Taken
from streams.items import Item, ItemDeleted, decode_item
from streams.kafka_config import client_config, consumer_config
from streams.newest_records import NewestRecords
from streams.positions import GroupPositions, place_of
from streams.row import Source
from streams.topics import topic_ids

if TYPE_CHECKING:
    from index.known import Known
    from streams.item_tower import ItemTower
    from streams.settings import Settings

_ASK_S: Final = 1.0
_AT_ONCE: Final = 256
"""Records decoded, encoded and handed over together: 1.5 s of one core at worst."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Records of one partition of the items topic.

    Attributes:
        partition: Which.
        begin: The first offset.
        end: The offset after the last.
    """

    partition: int
    begin: int
    end: int


def end_of_gap(position: int, note: str, encoder_version: str) -> int:
    """Up to which offset a partition's records may lack this encoder's vectors.

    Args:
        position: Of the group.
        note: What was committed beside it; none = one encoder took all there is.
        encoder_version: Whose vectors.
    """
    taken = Taken.parse(note)
    if taken is None:
        return 0
    return min(taken.since, position) if taken.encoder_version == encoder_version else position


class ItemGaps:
    """Finds and encodes what the topic of an encoder's vectors lacks; commits nothing.

    Workers take another encoder one after the other, so for a while the items of some partitions
    become vectors of one encoder and those of others vectors of the other. Whoever serves an
    encoder encodes the rest himself. Where all workers have the same encoder there is nothing to
    read, and one question to the broker, twice a second, says so.

    Only what a worker has taken is looked at: the record of an item is in the encoder's topic or
    in a gap, and where it is in both, `Source` says that it is the same.

    Attributes:
        gaps: Those behind the positions of the beginning.
        positions: These positions, as a manifest's `items_read` has them.
    """

    def __init__(
        self,
        settings: Settings,
        encoder_version: str,
        items_read: Mapping[str, int],
        *,
        whole: bool = False,
    ) -> None:
        """Ask where the group stands.

        Args:
            settings: Where the broker is.
            encoder_version: Whose vectors.
            items_read: Of a manifest: what the version has up to there is no gap.
            whole: Never mind that.

        Raises:
            BrokerUnavailableError: No broker answers.
            TopicMismatchError: There is no items topic.
        """
        self._settings = settings
        self._version = encoder_version
        self._topic = settings.topic("items")
        self._topic_id = topic_ids(settings, [self._topic])[self._topic]
        self._group = GroupPositions(
            client_config(settings), settings.app_id, isolation="read_uncommitted"
        )
        self.gaps: list[Gap] = []
        self.positions: dict[str, int] = {}
        self._next: dict[int, int] = {}
        for partition, (position, note) in self._noted(settings.session_timeout_s + 30).items():
            key = f"{self._topic_id}:{partition}"
            begin = 0 if whole else items_read.get(key, 0)
            end = end_of_gap(position, note, encoder_version)
            if end > begin:
                self.gaps.append(Gap(partition, begin, end))
            self._next[partition] = self.positions[key] = position

    def newest(
        self, *, timeout_s: float, stopped: Callable[[], bool] = lambda: False
    ) -> NewestRecords:
        """What the gaps hold, by item, unless this encoder has taken a newer record of it since.

        Raises:
            BrokerUnavailableError: Nothing came for so long.
        """
        ends = {gap.partition: gap.end for gap in self.gaps}
        found = NewestRecords(
            {
                f"{self._topic_id}:{gap.partition}": (gap.begin, self._next[gap.partition])
                for gap in self.gaps
            }
        )
        to_the_end = [replace(gap, end=sys.maxsize) for gap in self.gaps]
        for messages in self._messages(to_the_end, timeout_s, stopped):
            for message in messages:
                found.see(message)
                partition, offset = place_of(message)
                if offset >= self._next[partition] or self._item_in(message) is None:
                    continue  # nobody has taken it, or it went to the dead letters
                if offset < ends[partition]:
                    found.note(message)
                else:
                    found.forget(message)
        return found

    def changes(
        self,
        wanted: NewestRecords,
        tower: ItemTower,
        known: Callable[[], Sequence[Known]],
        *,
        timeout_s: float,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[list[ItemChange]]:
        """What is left of the gaps, encoded, some at a time.

        Args:
            wanted: Whatever of it is in the encoder's topic has been struck off.
            tower: The encoder.
            known: Its vectors that need not be encoded again; asked if there is a gap at all.
            timeout_s: How long nothing may come.
            stopped: Asked often; true ends it early.

        Raises:
            BrokerUnavailableError: Nothing came for so long.
        """
        if not len(wanted):
            return
        vectors = known()
        for messages in self._messages(self.gaps, timeout_s, stopped):
            yield self._encoded([m for m in messages if wanted.has(m)], tower, vectors)

    def follow(self, tower: ItemTower, *, patience_s: float = _ASK_S) -> list[ItemChange]:
        """What workers have taken with other encoders since the last call, some at a time.

        Args:
            tower: The encoder.
            patience_s: How long the broker may take to say where they stand.

        Raises:
            BrokerUnavailableError: No answer; ask again.
        """
        gaps, ahead = [], dict(self._next)
        for partition, (position, note) in self._noted(patience_s).items():
            begin = self._next[partition]
            end = end_of_gap(position, note, self._version)
            if end > begin:
                ahead[partition] = min(end, begin + _AT_ONCE)
                gaps.append(Gap(partition, begin, ahead[partition]))
            else:
                ahead[partition] = max(begin, position)
        changes: list[ItemChange] = []
        for messages in self._messages(gaps, self._settings.session_timeout_s, lambda: False):
            changes += self._encoded(messages, tower, ())
        self._next = ahead
        return changes

    def close(self) -> None:
        """Leave the broker."""
        self._group.close()

    def _noted(self, timeout_s: float) -> dict[int, tuple[int, str]]:
        sources = [(self._topic, p) for p in range(self._settings.partitions)]
        return {
            partition: (position or 0, note)
            for (_, partition), (position, note) in self._group.noted(sources, timeout_s).items()
        }

    def _messages(
        self, gaps: Sequence[Gap], timeout_s: float, stopped: Callable[[], bool]
    ) -> Iterator[list[Message]]:
        ends = {gap.partition: gap.end for gap in gaps}
        if not ends:
            return
        reader = PartitionReader(
            consumer_config(
                self._settings,
                f"{self._settings.app_id}-item-gaps",  # the client wants a name; none is joined
                **{"enable.partition.eof": True},
            ),
            [TopicPartition(self._topic, gap.partition, gap.begin) for gap in gaps],
        )
        heard = time.monotonic()
        try:
            while ends and not stopped():
                messages = reader.consume(1, 0.2)
                if messages:
                    messages += reader.consume(_AT_ONCE - 1, 0)
                    heard = time.monotonic()
                elif time.monotonic() - heard > timeout_s:
                    raise BrokerUnavailableError(f"{self._topic} was silent for {timeout_s:.0f} s")
                yield list(_inside(messages, ends))
        finally:
            reader.close()

    def _encoded(
        self, messages: Sequence[Message], tower: ItemTower, known: Sequence[Known]
    ) -> list[ItemChange]:
        """Changes in the order of their records."""
        found: list[Item | Deletion] = []
        origins: list[tuple[int, Source]] = []
        for message in messages:
            partition, offset = place_of(message)
            at_ms, origin = message.timestamp()[1], Source(f"{self._topic_id}:{partition}", offset)
            item = self._item_in(message)
            if item is None:
                continue
            if isinstance(item, Item):
                found.append(item)
            else:
                found.append(Deletion(item.item_id, at_ms, origin))
            origins.append((at_ms, origin))
        items = [as_indexed(each) for each in found if isinstance(each, Item)]
        vectors = iter(_vectors([tower.item_text(item) for item in items], tower, known))
        rest = iter(items)
        return [
            each if isinstance(each, Deletion) else Upsert(next(rest), next(vectors), at_ms, origin)
            for each, (at_ms, origin) in zip(found, origins, strict=True)
        ]

    def _item_in(self, message: Message) -> Item | ItemDeleted | None:
        """What a record says; None = it is no item and went to the dead letters."""
        now_ms, max_bytes = time.time_ns() // 1_000_000, self._settings.max_message_bytes
        try:
            return decode_item(message.value(), message.key(), now_ms, max_bytes=max_bytes)
        except RejectedError:
            return None


def _inside(messages: Sequence[Message], ends: dict[int, int]) -> Iterator[Message]:
    """Those that lie in the gaps; strikes off each partition that has been read to its end."""
    for message in messages:
        error, partition = message.error(), message.partition() or 0
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - it has no public name
                ends.pop(partition, None)
            continue
        offset = place_of(message)[1]
        if offset < ends.get(partition, 0):
            yield message
        if offset + 1 >= ends.get(partition, 0):
            ends.pop(partition, None)


def _vectors(
    texts: list[str], tower: ItemTower, known: Sequence[Known]
) -> list[NDArray[np.float32]]:
    """One (d,) vector a text; what is known is not encoded."""
    found: list[NDArray[np.float32] | None] = [None] * len(texts)
    hashes = text_hashes(tower.version, texts)
    for source in known:
        rows = source.find(hashes)
        for at in np.flatnonzero(rows >= 0).tolist():
            found[at] = source.vectors(rows[at : at + 1])[0]
    new = [at for at, vector in enumerate(found) if vector is None]
    for at, vector in zip(new, tower.encode_items([texts[at] for at in new]), strict=True):
        found[at] = vector
    return [vector for vector in found if vector is not None]
