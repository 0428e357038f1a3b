"""Records of the items topic that an encoder's topic lacks: remembered, and struck off again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.positions import place_of

if TYPE_CHECKING:
    from confluent_kafka import Message

    from streams.item_changes import ItemChange


class NewestRecords:
    """The newest record of each item in the gaps; about 200 bytes each."""

    def __init__(self, topic_id: str) -> None:
        self._prefix = f"{topic_id}:"
        self._offsets: dict[bytes, int] = {}
        self._deleted: set[bytes] = set()

    def __len__(self) -> int:
        """How many items."""
        return len(self._offsets)

    def note(self, message: Message) -> None:
        """Take a record over; they come in the order of their partition."""
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

    def strike(self, change: ItemChange) -> None:
        """The encoder's topic has this item as new as that, or newer."""
        origin = change.origin
        if self._offsets and origin is not None and origin.key.startswith(self._prefix):
            key = change.item_id.encode()
            if self._offsets.get(key, origin.offset + 1) <= origin.offset:
                del self._offsets[key]
