"""A filter is the items that a plain reading of its conditions leaves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import Catalogue, Filter, IndexStore, Item, build_index
from tests.index.vectors import shop, unit_rows

CATALOGUE = Catalogue.from_items(shop(200))


def meets(item: Item, wanted: Filter) -> bool:
    return (
        (not wanted.categories or item.category in wanted.categories)
        and (not wanted.brands or item.brand in wanted.brands)
        and (
            wanted.price_min is None or (item.price is not None and item.price >= wanted.price_min)
        )
        and (
            wanted.price_max is None or (item.price is not None and item.price <= wanted.price_max)
        )
        and (item.in_stock or not wanted.in_stock_only)
    )


@settings(deadline=None, max_examples=300)
@given(
    categories=st.frozensets(st.sampled_from(["kitchen", "garden", "attic"])),
    brands=st.frozensets(st.sampled_from(["Potter", "Nobody"])),
    low=st.none() | st.sampled_from([0.0, 0.5, 20.5, 100.0, 500.0]),
    more=st.none() | st.sampled_from([0.0, 10.0, 1000.0]),
    in_stock_only=st.booleans(),
)
def test_a_mask_is_what_the_conditions_leave(
    categories: frozenset[str],
    brands: frozenset[str],
    low: float | None,
    more: float | None,
    in_stock_only: bool,
) -> None:
    high = None if more is None else (low or 0.0) + more
    wanted = Filter(categories, brands, low, high, in_stock_only)
    mask = wanted.mask(CATALOGUE)
    expected = [meets(item, wanted) for item in shop(200)]
    if mask is None:
        assert wanted == Filter()
        assert all(expected)
    else:
        assert mask.tolist() == expected


def test_no_condition_is_no_mask() -> None:
    assert Filter().mask(CATALOGUE) is None


@pytest.mark.parametrize("price", [0.1, 0.7])  # float32 rounds one up, the other down
def test_a_price_between_two_floats_meets_its_own_bound(price: float) -> None:
    catalogue = Catalogue.from_items([Item(item_id="a", title="t", price=price)])
    for wanted in (Filter(price_min=price), Filter(price_max=price)):
        mask = wanted.mask(catalogue)
        assert mask is not None
        assert mask.tolist() == [True]


@pytest.mark.parametrize(
    "bounds",
    [
        (2.0, 1.0),
        (float("nan"), None),
        (None, float("inf")),
        (float("-inf"), 1.0),
        (None, 1e39),
    ],
)
def test_bounds_that_are_no_prices_are_refused(bounds: tuple[float | None, float | None]) -> None:
    with pytest.raises(ValueError, match="price"):
        Filter(price_min=bounds[0], price_max=bounds[1])


def test_a_catalogue_without_items_has_an_empty_mask() -> None:
    mask = Filter(frozenset(["kitchen"])).mask(Catalogue.from_items([]))
    assert mask is not None
    assert mask.shape == (0,)


@pytest.mark.parametrize("engine", ["exact", "hnsw", "ivfpq"])
def test_a_filtered_search_gives_k_results_that_meet_it(store: IndexStore, engine: str) -> None:
    build_index(store, shop(400), unit_rows(400), encoder_version="m", engine=engine)
    snapshot = store.open()
    wanted = Filter(categories=frozenset(["garden"]), in_stock_only=True)
    allowed = wanted.mask(snapshot.catalogue)
    assert allowed is not None
    found = snapshot.search(unit_rows(5, seed=1), 50, allowed=allowed).positions
    items = {item.item_id: item for item in shop(400)}
    for position in np.unique(found):
        assert meets(items[snapshot.catalogue.ids[position]], wanted)
    assert (found >= 0).all()
