"""Staged items come back from the disk as they were given, the newest of each id."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import IndexStore, Item, RejectedInputError, build_index
from index.build import build_staged
from index.column import Column
from index.hashes import id_hashes, item_hashes, text_hashes
from index.staging import Staging
from tests.index.vectors import shop, unit_rows

folders = itertools.count()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def fresh(folder: Path) -> Path:
    path = folder / str(next(folders))
    path.mkdir()
    return path


# An id with its new price, or that it was removed.
changes = st.lists(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.none() | st.integers(0, 99)), max_size=6),
    max_size=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes)
def test_the_newest_of_each_id_counts_and_removed_ones_are_gone(
    folder: Path, steps: list[list[tuple[str, int | None]]]
) -> None:
    expected = dict[str, int]()
    with Staging(fresh(folder), 4) as staging:
        for step in steps:
            for item_id, price in step:
                if price is None:
                    staging.remove([item_id])
                    expected.pop(item_id, None)
            items = [Item(item_id=i, title="t", price=p) for i, p in step if p is not None]
            staging.add(items, np.full((len(items), 4), 2.0, np.float32))
            for item in items:
                expected[item.item_id] = int(item.price or 0)
        staged = staging.finish()
    assert {item.item_id: item.price for item in staged.items} == expected
    assert len(staged.vectors) == len(staged.hashes) == len(staged.popularity) == len(expected)


def test_each_item_keeps_its_vector_hash_and_popularity(folder: Path) -> None:
    items, rows = shop(300), unit_rows(300)
    texts = text_hashes("mini-1", [item.title for item in items])
    popularity = np.arange(300, dtype=np.float32)
    with Staging(folder, 16) as staging:
        for start in range(0, 300, 70):
            of = slice(start, start + 70)
            staging.add(items[of], 3 * rows[of], texts=texts[of], popularity=popularity[of])
        staging.remove([f"item-{n}" for n in range(0, 300, 3)])
        staged = staging.finish()
    kept = np.flatnonzero(np.arange(300) % 3)
    assert list(staged.items) == [items[i] for i in kept]
    np.testing.assert_allclose(staged.vectors, rows[kept], atol=1e-6)
    np.testing.assert_array_equal(staged.hashes[:, :2], texts[kept])
    np.testing.assert_array_equal(staged.hashes[:, 2:], item_hashes([items[i] for i in kept]))
    np.testing.assert_array_equal(staged.popularity, popularity[kept])


def test_nothing_staged_is_an_empty_version(folder: Path, store: IndexStore) -> None:
    with Staging(folder, 16) as staging:
        manifest = build_staged(store, staging.finish(), encoder_version="m")
    assert (manifest.count, manifest.dim) == (0, 16)
    assert len(store.open()) == 0


@pytest.mark.parametrize("engine", ["exact", "hnsw"])
def test_a_staged_version_is_that_of_the_same_items_in_memory(
    folder: Path, store: IndexStore, engine: str
) -> None:
    with Staging(folder, 16) as staging:
        for start in range(0, 500, 64):
            staging.add(shop(500)[start : start + 64], unit_rows(500)[start : start + 64])
        staged = build_staged(store, staging.finish(), encoder_version="m", engine=engine)
    held = build_index(store, shop(500), unit_rows(500), encoder_version="m", engine=engine)
    assert staged.files == held.files


def test_items_that_could_not_be_served_are_refused_at_once(folder: Path) -> None:
    with Staging(folder, 16) as staging:
        with pytest.raises(RejectedInputError, match="price inf"):
            staging.add([Item(item_id="x", title="t", price=float("inf"))], unit_rows(1))
        with pytest.raises(RejectedInputError, match=r"1 items need \(1, 16\)"):
            staging.add(shop(1), unit_rows(1, dim=8))
        assert len(staging.finish().items) == 0


@given(st.sets(st.integers(0, 999)))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_column_keeps_the_rows_asked_for(folder: Path, kept: set[int]) -> None:
    column = Column(fresh(folder) / "c", np.int64, 3)
    rows = np.arange(3_000).reshape(-1, 3)
    column.append(rows[:600])
    column.append(rows[600:])
    chosen = np.array(sorted(kept), dtype=np.int64)
    column.keep(chosen)
    column.append(rows[:1])
    np.testing.assert_array_equal(column.map(), np.vstack([rows[chosen], rows[:1]]))
    column.close()


def test_a_hash_tells_models_and_words_apart() -> None:
    same = text_hashes("m", ["a", "b", "a"])
    assert (same[0] == same[2]).all()
    assert (same[0] != same[1]).any()
    assert (same[0] != text_hashes("n", ["a"])[0]).any()
    assert (text_hashes("m", ["\0a"])[0] != text_hashes("m\0", ["a"])[0]).any()


def test_any_change_of_an_item_changes_its_hash() -> None:
    item = shop(3)[2]
    others = [
        Item(**{**{f: getattr(item, f) for f in item.__struct_fields__}, name: value})
        for name, value in [
            ("title", "x"),
            ("description", None),
            ("category", None),
            ("brand", "y"),
            ("price", 1.0),
            ("tags", ("x",)),
            ("in_stock", False),
            ("item_id", "z"),
        ]
    ]
    assert len(np.unique(item_hashes([item, *others]))) == 9


def test_ids_of_any_script_have_hashes() -> None:
    ids = ["a", "ä", "\U0001f9f8" * 128, ""]
    assert id_hashes(ids).shape == (4, 2)
    assert len(np.unique(id_hashes(ids), axis=0)) == 4


def test_the_hashes_of_a_version_are_in_the_order_of_its_rows(store: IndexStore) -> None:
    made = build_index(store, shop(500), unit_rows(500), encoder_version="m", engine="hnsw")
    ids = store.open().catalogue.ids
    assert ids != [item.item_id for item in shop(500)]
    by_id = {item.item_id: item for item in shop(500)}
    hashes = np.load(store.root / made.version / "hashes.npy")
    np.testing.assert_array_equal(hashes[:, 2:], item_hashes([by_id[i] for i in ids]))
