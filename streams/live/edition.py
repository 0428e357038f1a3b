"""One pair in service: an index version and its encoder, what has changed since, its ranking."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from index import LiveIndex
from scoring import QueryVectors
from streams.encoders import Tower
from streams.item_changes import ItemChange, Upsert
from streams.item_gaps import ItemGaps
from streams.live.armed_ranking import ArmedRanking
from streams.live.change_reader import ChangeReader
from streams.live.item_order import ItemOrder

_FOLD_AT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Edition:
    """A version that can be served; one thread at a time ranks with it and changes it.

    Attributes:
        live: The version with its changes.
        ranking: What makes lists of it.
        tower: The encoder of its vectors.
        queries: The same with what it remembers; only who ranks may ask it.
        reader: Stands behind the last change that was applied, or is about to be.
        gaps: What other encoders' workers take meanwhile.
        order: Keeps a late change from undoing a newer one.
        items_read: "<topic id>:<partition>" of the items topic -> the offset after the newest item
            that was taken over since the version was built.
    """

    live: LiveIndex
    ranking: ArmedRanking
    tower: Tower
    queries: QueryVectors
    reader: ChangeReader
    gaps: ItemGaps
    order: ItemOrder
    items_read: dict[str, int] = field(default_factory=dict)

    @property
    def is_due(self) -> bool:
        """Whether deletions should become part of a version now.

        The topic forgets a deletion after a while (`delete.retention.ms`, a day): a worker that
        then started with this version would serve the item again.
        """
        return self.live.n_tombstones > 0 and self.reader.forgotten_share() >= _FOLD_AT

    def apply(self, change: ItemChange) -> None:
        """Take over one change of an item, unless a newer one is there."""
        if not self.order.takes(change):
            return
        if change.origin is not None:
            key, offset = change.origin
            self.items_read[key] = max(offset + 1, self.items_read.get(key, 0))
        if isinstance(change, Upsert):
            done = self.live.upsert(change.item, change.vector)
        else:
            done = self.live.delete(change.item_id)
        if done is not None:
            self.ranking.follow(done)

    def close(self) -> None:
        """Leave the broker."""
        self.reader.close()
        self.gaps.close()
