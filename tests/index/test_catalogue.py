"""Columns of items: what goes in comes out, in the order of the vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import Catalogue, IndexStore, Item, RejectedInputError, build_index
from tests.index.vectors import shop, unit_rows

_text = st.text(st.characters(codec="utf-8"), max_size=30)
_items = st.lists(
    st.builds(
        Item,
        item_id=_text.filter(bool),
        title=_text,
        description=st.none() | _text,
        category=st.none() | _text,
        brand=st.none() | _text,
        price=st.none() | st.floats(0, 1e6, width=32),
        tags=st.lists(_text, max_size=3).map(tuple),
        in_stock=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda item: item.item_id,
)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(items=_items)
def test_any_items_survive_being_published(
    tmp_path_factory: pytest.TempPathFactory, items: list[Item]
) -> None:
    store = IndexStore(tmp_path_factory.mktemp("any"))
    n = len(items)
    popularity = np.arange(n, dtype=np.float32)
    build_index(store, items, unit_rows(n), encoder_version="mini-1", popularity=popularity)
    catalogue = store.open().catalogue
    assert catalogue.ids == [item.item_id for item in items]
    assert catalogue.titles == [item.title for item in items]
    assert catalogue.categories == [item.category for item in items]
    assert catalogue.brands == [item.brand for item in items]
    prices = [None if np.isnan(price) else price for price in catalogue.prices.tolist()]
    assert prices == [item.price for item in items]
    assert catalogue.in_stock.tolist() == [item.in_stock for item in items]
    assert catalogue.popularity.tolist() == popularity.tolist()
    assert catalogue.positions(catalogue.ids).tolist() == list(range(n))


def test_long_unicode_ids_are_found() -> None:
    names = ["чайник-" * 40, "茶壺/é", "🫖", "a\u0301", "á", "with\0null", " ", "x" * 5_000]
    catalogue = Catalogue.from_items([Item(item_id=name, title="t") for name in names])
    assert [catalogue.position(name) for name in names] == list(range(len(names)))


def test_codes_point_into_sorted_names() -> None:
    catalogue = Catalogue.from_items(shop(6))
    assert catalogue.category_names == ["garden", "kitchen"]
    assert catalogue.category_codes.tolist() == [-1, 1, 0, -1, 1, 0]
    assert catalogue.brand_names == ["Potter"]
    assert catalogue.brand_codes.tolist() == [-1, 0, 0, 0, -1, 0]


def test_titles_that_read_the_same_share_a_code() -> None:
    titles = ["Red mug", "red  MUG ", "Red mug!", "STRASSE", "Straße", " ", ""]
    made = Catalogue.from_items([Item(item_id=str(n), title=t) for n, t in enumerate(titles)])
    codes = made.title_codes.tolist()
    assert codes[0] == codes[1] >= 0
    assert codes[3] == codes[4] >= 0
    assert len(set(codes[:4])) == 3
    assert codes[5:] == [-1, -1]


def test_unknown_ids_have_no_position() -> None:
    catalogue = Catalogue.from_items(shop(3))
    assert catalogue.position("nobody") == -1
    assert catalogue.positions(["item-2", "nobody", "item-0"]).tolist() == [2, -1, 0]
    assert catalogue.positions([]).tolist() == []


def test_popularity_is_zero_where_it_is_unknown() -> None:
    assert Catalogue.from_items(shop(2)).popularity.tolist() == [0, 0]


def test_a_repeated_id_is_refused_by_name() -> None:
    with pytest.raises(RejectedInputError, match="'item-1'"):
        Catalogue.from_items([*shop(3), shop(2)[1]])


@pytest.mark.parametrize("popularity", [[1.0], [1.0, -1.0], [1.0, np.nan], [1.0, np.inf]])
def test_a_popularity_that_is_none_is_refused(popularity: list[float]) -> None:
    with pytest.raises(RejectedInputError, match="popularity"):
        Catalogue.from_items(shop(2), np.array(popularity, np.float32))
