"""Which of two rows of a key is a zombie's: the one that has applied less."""

from __future__ import annotations

import pytest

from scoring.item_counts import ItemCounts
from streams.events import Click
from streams.outdated_rows import is_outdated
from streams.records import encode
from streams.row import Source, UserRow
from streams.shop_count_record import ShopCount, stored_key


def row(**offsets: int) -> bytes:
    """Of a user with a click, a purchase among them, at each of these places."""
    made = UserRow.empty()
    for source, offset in offsets.items():
        click = Click(event_id=source, user_id="u", type="purchase", item_id="i", at_ms=offset)
        made = made.observe_click(click, Source(source, offset))
    return made.encode()


@pytest.mark.parametrize(
    ("known", "found", "outdated"),
    [
        ({"clicks": 8}, {"clicks": 5}, True),
        ({"clicks": 8, "searches": 2}, {"clicks": 8}, True),
        ({"clicks": 5}, {"clicks": 8}, False),
        ({"clicks": 5}, {"clicks": 5}, False),  # a batch that was sent twice
        ({"clicks": 8}, {"clicks": 8, "searches": 0}, False),
        ({"clicks": 8, "searches": 2}, {"clicks": 5, "searches": 3}, False),
        ({}, {"clicks": 0}, False),
    ],
    ids=["less", "a source less", "more", "the same", "a source more", "other", "the first"],
)
def test_a_row_is_outdated_if_it_has_applied_less_and_of_no_source_more(
    known: dict[str, int], found: dict[str, int], outdated: bool
) -> None:
    assert is_outdated(b"u", row(**known), row(**found)) is outdated


def test_a_count_is_outdated_if_it_has_counted_less() -> None:
    counts = ItemCounts.first(1)
    early, late = (
        encode(ShopCount(source="C:0", item_id="i", offset=offset, counts=counts))
        for offset in (3, 4)
    )
    key = stored_key("C:0", "i")
    assert is_outdated(key, late, early)
    assert not is_outdated(key, early, late)
    assert not is_outdated(key, late, late)


@pytest.mark.parametrize("key", [b"u", stored_key("C:0", "i")], ids=["row", "count"])
def test_what_cannot_be_read_is_left_to_who_needs_it(key: bytes) -> None:
    assert not is_outdated(key, b"garbage", row(clicks=1))
    assert not is_outdated(key, row(clicks=1), b"\xff")
