"""Versions are compared by what is known of their items, whatever the order and the engine."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import IndexFormatError, IndexStore, Item, build_index
from index.difference import Difference, difference
from tests.index.damage import reseal, rewrite
from tests.index.vectors import shop, unit_rows

catalogues = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from([1.0, 2.0]))


def build(store: IndexStore, items: list[Item], engine: str = "exact") -> str:
    rows = unit_rows(len(items))
    return build_index(store, items, rows, encoder_version="m", engine=engine).version


@settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(catalogues, catalogues)
def test_each_item_is_added_removed_changed_or_the_same(
    store: IndexStore, one: dict[str, float], two: dict[str, float]
) -> None:
    first, second = (
        build(store, [Item(item_id=i, title="t", price=p) for i, p in prices.items()])
        for prices in (one, two)
    )
    both = one.keys() & two.keys()
    assert difference(store, first, second) == Difference(
        added=sorted(two.keys() - one.keys()),
        removed=sorted(one.keys() - two.keys()),
        changed=sorted(i for i in both if one[i] != two[i]),
        n_same=sum(one[i] == two[i] for i in both),
    )


def test_another_order_is_no_difference(store: IndexStore) -> None:
    first = build(store, shop(300), "hnsw")
    second = build(store, shop(300)[::-1])
    assert difference(store, first, second) == Difference([], [], [], 300)


def test_a_version_without_hashes_is_compared_by_its_items(store: IndexStore) -> None:
    """As the first release wrote them."""
    first = build(store, shop(50))
    manifest = store.manifest(first)
    files = {name: entry for name, entry in manifest.files.items() if name != "hashes.npy"}
    old = msgspec.structs.replace(
        manifest, format=1, files=files, items_read={}, build_parameters={}
    )
    rewrite(store.root / first / "manifest.json", lambda _: msgspec.json.encode(old.sealed()))
    changed = [msgspec.structs.replace(shop(50)[3], title="Other"), *shop(51)[4:]]
    found = difference(store, first, build(store, changed))
    assert found == Difference(["item-50"], ["item-0", "item-1", "item-2"], ["item-3"], 46)


@pytest.mark.parametrize("name", ["hashes.npy", "items.parquet"])
def test_a_damaged_version_is_not_compared(store: IndexStore, name: str) -> None:
    first, second = build(store, shop(5)), build(store, shop(6))
    rewrite(store.root / second / name, lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(IndexFormatError, match=name):
        difference(store, first, second)


def test_hashes_of_another_shape_are_refused(store: IndexStore) -> None:
    first = build(store, shop(5))
    path = store.root / first / "hashes.npy"
    path.chmod(0o644)
    np.save(path, np.zeros((4, 3), np.uint64))
    reseal(store, store.manifest(first))
    with pytest.raises(IndexFormatError, match=r"hashes\.npy"):
        store.open(first)


@pytest.mark.parametrize("name", ["items.parquet", "hashes.npy"])
@pytest.mark.parametrize("damage", ["cut", "zeros", "of fewer items"])
def test_files_that_only_their_manifest_fits_are_refused(
    store: IndexStore, name: str, damage: str
) -> None:
    first = build(store, shop(20))
    other = store.root / build(store, shop(19)) / name
    change = {
        "cut": lambda raw: raw[: len(raw) // 2],
        "zeros": lambda raw: raw[:4] + bytes(len(raw) - 8) + raw[-4:],
        "of fewer items": lambda raw: other.read_bytes(),
    }[damage]
    rewrite(store.root / first / name, change)
    reseal(store, store.manifest(first))
    with pytest.raises(IndexFormatError, match=name):
        difference(store, first, first)
