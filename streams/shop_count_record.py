"""shop-counts topic: what one source partition has counted of one item, under both their names."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from scoring.item_counts import ItemCounts
from streams import fields
from streams.errors import RejectedError
from streams.records import MAX_BYTES, Record, decode_with

_MOST: Final = 2**53
_STORED: Final = b"\xff"
"""Before the key of a count among the user rows: no user_id, being UTF-8, begins like that."""


class ShopCount(Record, frozen=True, kw_only=True, omit_defaults=True):
    """All that a partition of the clicks has counted of an item until now.

    Attributes:
        source: `<topic id>:<partition>` of the clicks.
        offset: The first that is not counted: an event before it is never counted again.
        counts: See `scoring.item_counts.ItemCounts`.
        simulated: Some of it was made up by a program.
    """

    source: fields.Name
    item_id: fields.Id
    offset: Annotated[int, Meta(ge=0, le=_MOST)]
    counts: ItemCounts
    simulated: bool = False

    @property
    def key(self) -> bytes:
        """Of the message: compaction keeps the newest count of each partition and item."""
        return f"{self.source}:{self.item_id}".encode()


def stored_key(source: str, item_id: str) -> bytes:
    """Where a count stands among the rows of its partition."""
    return _STORED + f"{source}:{item_id}".encode()


def is_count(key: bytes) -> bool:
    """Whether what is stored under this key is a count, and no user's row."""
    return key.startswith(_STORED)


_decoder = msgspec.json.Decoder(ShopCount)


def decode_shop_count(raw: bytes | None, *, max_bytes: int = MAX_BYTES) -> ShopCount:
    """A message of the shop-counts topic, or what is stored of it.

    Raises:
        RejectedError: The value is no such record, or says what cannot be counted.
    """
    record = decode_with(_decoder, raw, max_bytes)
    counts = record.counts
    every = (*counts.bought, *counts.looked, *counts.regions.values(), *counts.newcomers.values())
    if min(every) < 0 or min(counts.again, counts.buyers, counts.at_ms, counts.first_ms) < 0:
        raise RejectedError("a count or a moment is below 0")
    latest_ms = max(counts.at_ms, counts.first_ms, counts.latest_ms, counts.price_ms)
    if latest_ms > fields.MAX_AT_MS:
        raise RejectedError(f"a moment is {latest_ms}, after 2100")
    if max(counts.again, counts.buyers) > _MOST:
        raise RejectedError(f"a count is above {_MOST}")
    return record
