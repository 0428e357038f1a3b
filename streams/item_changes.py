"""item-vectors topic: one message -> what it changes in an index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from confluent_kafka import Message
from numpy.typing import NDArray

import index
from streams.errors import RejectedError
from streams.indexed import as_indexed
from streams.item_origin import origin_of
from streams.items import ItemVector, decode_item
from streams.records import check_key, decode_with
from streams.row import Source

MAX_BYTES: Final = 200_000
"""An item of 64 KiB and a vector of 16,384 bytes in base64 fit."""


@dataclass(frozen=True, slots=True)
class Upsert:
    """An item is new or changed.

    Attributes:
        item: As it is now.
        vector: (d,) float32 of length 1, or all 0.
        at_ms: When the record was written.
        origin: Where the item's own record is; None = not said.
    """

    item: index.Item
    vector: NDArray[np.float32]
    at_ms: int
    origin: Source | None = None

    @property
    def item_id(self) -> str:
        """Which."""
        return self.item.item_id


@dataclass(frozen=True, slots=True)
class Deletion:
    """An item is gone.

    Attributes:
        item_id: Which.
        at_ms: When the record was written.
        origin: Where the deletion's own record is; None = not said.
    """

    item_id: str
    at_ms: int
    origin: Source | None = None


ItemChange = Upsert | Deletion

_decoder = msgspec.json.Decoder(ItemVector)


def change_in(message: Message, *, encoder_version: str, dim: int) -> ItemChange:
    """The change in a message as the client hands it over; see `decode_change`."""
    return decode_change(
        message.value(),
        message.key(),
        message.timestamp()[1],
        encoder_version=encoder_version,
        dim=dim,
        origin=origin_of(message),
    )


def decode_change(
    raw: bytes | None,
    key: bytes | None,
    at_ms: int,
    *,
    encoder_version: str,
    dim: int,
    origin: Source | None = None,
) -> ItemChange:
    """A message of the topic, where a null value deletes the item that the key names.

    Args:
        raw: The message's value.
        key: Its key.
        at_ms: When it was written.
        encoder_version: The model that must have made the vector.
        dim: Numbers that the vector must have.
        origin: Where the item's own record is, if that is known.

    Raises:
        RejectedError: The message is neither a vector of this model nor a deletion.
    """
    if raw is None:
        return Deletion(decode_item(None, key, at_ms).item_id, at_ms, origin)
    found = decode_with(_decoder, raw, MAX_BYTES)
    check_key(key, found.item.item_id)
    if found.encoder_version != encoder_version:
        raise RejectedError(
            f"the vector was made by {found.encoder_version!r}, this index is of {encoder_version}"
        )
    if len(found.vector) != 4 * dim:
        raise RejectedError(f"the vector has {len(found.vector)} bytes, {4 * dim} are expected")
    vector = np.frombuffer(found.vector, "<f4")
    length = float(np.sqrt(np.vecdot(vector, vector, dtype=np.float64)))
    if not np.isfinite(length):
        raise RejectedError("the vector holds nan or infinity")
    if abs(length - 1.0) > 1e-6 and length > 0:
        vector = (vector / length).astype(np.float32)
    return Upsert(as_indexed(found.item), vector, at_ms, origin)
