"""The catalogue as it travels: items, their deletion, and their vectors, each under its item_id."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from streams import fields
from streams.errors import RejectedError
from streams.records import MAX_BYTES, Record, check_clock, check_key, decode_with


class Item(Record, frozen=True, kw_only=True, omit_defaults=True):
    """One item of the catalogue; the newest record of an id counts."""

    item_id: fields.Id
    title: Annotated[str, Meta(min_length=1, max_length=512)]
    description: Annotated[str, Meta(max_length=8_192)] | None = None
    category: fields.Name | None = None
    brand: fields.Name | None = None
    price: fields.Price | None = None
    tags: Annotated[tuple[fields.Name, ...], Meta(max_length=64)] | None = None
    in_stock: bool | None = None
    at_ms: fields.AtMs | None = None


class ItemDeleted(Record, frozen=True, kw_only=True):
    """What a null value on the items topic means."""

    item_id: fields.Id


class ItemVector(Record, frozen=True, kw_only=True):
    """One item's vector, with the item itself, so that an index can be built from these alone.

    Attributes:
        vector: Little-endian float32 values of length 1 together, in base64.
    """

    item: Item
    encoder_version: fields.Version
    vector: Annotated[bytes, Meta(min_length=4, max_length=16_384)]


_item = msgspec.json.Decoder(Item)


def decode_item(
    raw: bytes | None, key: bytes | None, now_ms: int, *, max_bytes: int = MAX_BYTES
) -> Item | ItemDeleted:
    """A message of the items topic, where a null value deletes the item that the key names.

    Raises:
        RejectedError: The value is no valid item, or the key is not its id.
    """
    if raw is None:
        return ItemDeleted(item_id=_id_of(key))
    item = decode_with(_item, raw, max_bytes)
    check_key(key, item.item_id)
    if item.at_ms is not None:
        check_clock(item.at_ms, now_ms)
    return item


def _id_of(key: bytes | None) -> str:
    if not key:
        raise RejectedError("a deletion needs the item_id as its key", "missing_key")
    try:
        return msgspec.convert({"item_id": key.decode()}, ItemDeleted).item_id
    except UnicodeDecodeError:
        raise RejectedError("the key is not UTF-8") from None
    except msgspec.ValidationError as error:
        raise RejectedError(f"the key is no item_id: {error}") from None
