"""Which of two changes of an item is newer, when they come by different ways."""

from __future__ import annotations

from collections.abc import Mapping

from streams.item_changes import ItemChange


class ItemOrder:
    """Lets no change pass that is older than one that has passed, told by the item's own records.

    While encoders change, an item may come from the topic of vectors and from a gap
    (`streams.item_gaps`), in any order. What was taken before an edition was opened is settled by
    then, so only what came after is remembered: about 200 bytes an item.
    """

    def __init__(self, positions: Mapping[str, int]) -> None:
        """Remember from here on.

        Args:
            positions: "<topic id>:<partition>" -> offset of the first record to come.
        """
        self._positions = positions
        self._passed: dict[str, tuple[str, int]] = {}

    def takes(self, change: ItemChange) -> bool:
        """Whether this change counts; changes that do not say where they come from do."""
        origin = change.origin
        if origin is None:
            return True
        key, offset = self._passed.get(change.item_id, (origin.key, -1))
        if key == origin.key and offset > origin.offset:
            return False
        if origin.offset >= self._positions.get(origin.key, 0):
            self._passed[change.item_id] = (origin.key, origin.offset)
        return True
