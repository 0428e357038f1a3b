"""Filters of a search, as shops send them."""

from typing import Any

import pytest

from index import Filter
from streams.errors import RejectedError
from streams.filters import filter_of


@pytest.mark.parametrize(
    ("sent", "held_to"),
    [
        (None, None),
        ({}, None),
        ({"colour": "red", "size": 4}, None),
        ({"category": None, "in_stock": False}, None),
        ({"category": "Mugs"}, Filter(categories=frozenset({"Mugs"}))),
        ({"brand": ["A", "B"], "colour": "red"}, Filter(brands=frozenset({"A", "B"}))),
        ({"price_min": 3, "price_max": 4.5}, Filter(price_min=3.0, price_max=4.5)),
        ({"in_stock": True}, Filter(in_stock_only=True)),
    ],
)
def test_what_is_known_counts_and_the_rest_is_the_shops_own(
    sent: dict[str, Any] | None, held_to: Filter | None
) -> None:
    assert filter_of(sent) == held_to


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ({"category": 7}, "filters.category is 7, expected a name or a list of names"),
        ({"price_min": "cheap"}, "filters.price_min is 'cheap', expected a number"),
        ({"price_max": True}, "filters.price_max is True, expected a number"),
        ({"price_min": 5, "price_max": 4}, "filters: price_min is 5, above price_max, 4"),
    ],
)
def test_a_condition_that_means_nothing_is_rejected(sent: dict[str, Any], reason: str) -> None:
    with pytest.raises(RejectedError) as rejected:
        filter_of(sent)
    assert rejected.value.reason == reason
