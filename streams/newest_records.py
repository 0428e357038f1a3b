"""What the items topic says where an encoder's topic lacks records: noted, and struck off again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from streams.item_changes import Deletion
from streams.positions import place_of

if TYPE_CHECKING:
    from confluent_kafka import Message

    from streams.item_changes import ItemChange


class NewestRecords:
    """The newest record of each item in the gaps, and which items there are: 300 bytes for each.

    Both topics are compacted, each by itself, and forget deletions. What is not deleted has a
    record in the items topic for ever, so this knows what the encoder's topic cannot tell: that
    another encoder's worker, or its own, has taken a deletion that is forgotten by now.
    """

    def __init__(self, read: Mapping[str, tuple[int, int]]) -> None:
        """Nothing is noted yet.

        Args:
            read: "<topic id>:<partition>" -> the first offset that is read here, and the group's
                position; of the partitions with a gap.
        """
        self._read = read
        self._offsets: dict[bytes, int] = {}
        self._deleted: set[bytes] = set()
        self._there: set[bytes] = set()

    def __len__(self) -> int:
        """How many items."""
        return len(self._offsets)

    def see(self, message: Message) -> None:
        """The items topic has a record of this item, whatever it says."""
        self._there.add(message.key() or b"")

    def note(self, message: Message) -> None:
        """Take a record of a gap over; they come in the order of their partition."""
        key = message.key() or b""
        self._offsets[key] = place_of(message)[1]
        if message.value() is None:
            self._deleted.add(key)
        else:
            self._deleted.discard(key)

    def forget(self, message: Message) -> None:
        """There is a newer one of its item, which is in no gap."""
        self._offsets.pop(message.key() or b"", None)

    def has(self, message: Message) -> bool:
        """Whether this is the record."""
        return self._offsets.get(message.key() or b"") == place_of(message)[1]

    def there(self) -> set[str]:
        """Items that are not deleted."""
        return {key.decode(errors="replace") for key in self._offsets.keys() - self._deleted}

    def settled(self, change: ItemChange) -> ItemChange:
        """What a change in the encoder's topic is worth.

        Returns:
            The same, and the item is struck off if this is as new as its record in a gap, or newer.
            A deletion, where the items topic has nothing more of the item.
        """
        origin, key = change.origin, change.item_id.encode()
        if origin is None or origin.key not in self._read:
            return change
        if self._offsets.get(key, origin.offset + 1) <= origin.offset:
            del self._offsets[key]
        begin, position = self._read[origin.key]
        if begin <= origin.offset < position and key not in self._there:
            return Deletion(change.item_id, change.at_ms, origin)
        return change
