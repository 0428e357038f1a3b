"""What a message of item-vectors changes, and where reading begins."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from confluent_kafka import OFFSET_BEGINNING
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import RejectedError
from streams.item_changes import Deletion, ItemChange, Upsert, decode_change
from streams.items import Item, ItemVector
from streams.live.change_reader import first_offsets
from streams.records import encode

UNIT = np.array([0.6, 0.8], "<f4")


def message(vector: bytes = UNIT.tobytes(), encoder: str = "e", **more: object) -> bytes:
    item = Item(**({"item_id": "a", "title": "Cup"} | more))  # type: ignore[arg-type]
    return encode(ItemVector(item=item, encoder_version=encoder, vector=vector))


def decoded(raw: bytes | None, key: bytes | None = b"a") -> ItemChange:
    return decode_change(raw, key, 7, encoder_version="e", dim=2)


def test_an_item_with_its_vector_is_an_upsert() -> None:
    change = decoded(message(in_stock=False, price=2.0))
    assert isinstance(change, Upsert)
    assert (change.item_id, change.item.in_stock, change.item.price) == ("a", False, 2.0)
    assert np.array_equal(change.vector, UNIT)
    assert change.at_ms == 7


def test_a_null_value_is_a_deletion() -> None:
    assert decoded(None) == Deletion("a", 7)


def test_vectors_come_out_with_length_one() -> None:
    change = decoded(message((UNIT * 5).tobytes()))
    assert isinstance(change, Upsert)
    np.testing.assert_allclose(change.vector, UNIT, rtol=1e-6)
    zero = decoded(message(np.zeros(2, "<f4").tobytes()))
    assert isinstance(zero, Upsert)
    assert not zero.vector.any()


@pytest.mark.parametrize(
    ("raw", "key", "why"),
    [
        (message(encoder="other"), b"a", "made by 'other'"),
        (message(np.ones(3, "<f4").tobytes()), b"a", "12 bytes, 8 are expected"),
        (message(np.array([np.nan, 1], "<f4").tobytes()), b"a", "nan or infinity"),
        (message(np.array([3e38, 3e38], "<f4").tobytes()), b"b", "the key is 'b'"),
        (message(), None, "no key"),
        (None, None, "needs the item_id"),
        (None, b"\xff", "not UTF-8"),
        (b"", b"a", "empty"),
        (b"[]", b"a", "object"),
    ],
)
def test_what_cannot_be_used_is_rejected(raw: bytes | None, key: bytes | None, why: str) -> None:
    with pytest.raises(RejectedError, match=why):
        decoded(raw, key)


@given(raw=st.none() | st.binary(max_size=60), key=st.none() | st.binary(max_size=6))
def test_no_bytes_do_anything_but_reject(raw: bytes | None, key: bytes | None) -> None:
    try:
        change = decoded(raw, key)
    except RejectedError:
        return
    assert isinstance(change, Deletion)


@given(cut=st.integers(0, 200), at=st.integers(0, 200), byte=st.integers(0, 255))
def test_damaged_messages_are_rejected_or_whole(cut: int, at: int, byte: int) -> None:
    raw = bytearray(message())
    raw[min(at, len(raw) - 1)] = byte
    try:
        change = decoded(bytes(raw[: max(1, len(raw) - cut)]))
    except RejectedError:
        return
    assert isinstance(change, Upsert)
    assert np.isfinite(change.vector).all()
    assert msgspec.json.encode(change.item)


def test_reading_begins_where_the_version_ends() -> None:
    read = {"T:0": 5, "T:2": 9, "U:1": 4}
    assert first_offsets(read, "T", 3, too_old=False) == [5, OFFSET_BEGINNING, 9]
    assert first_offsets(read, "T", 3, too_old=True) == [OFFSET_BEGINNING] * 3
    assert first_offsets({}, "T", 1, too_old=False) == [OFFSET_BEGINNING]
