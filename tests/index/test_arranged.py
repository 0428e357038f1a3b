"""Rows are put in order, and like ones found, in little memory and with the same result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import Item, staging
from index.arranged import arranged
from index.groups import label_groups
from index.hashes import Hashes
from index.staging import Staging
from tests.index.vectors import unit_rows


@given(st.lists(st.integers(0, 5), max_size=40))
def test_groups_are_numbered_in_order_of_their_first_row(kinds: list[int]) -> None:
    first = list(dict.fromkeys(kinds))
    expected = [first.index(kind) for kind in kinds]
    assert label_groups(unit_rows(6)[kinds].reshape(-1, 16)).tolist() == expected


def test_mapped_rows_are_put_in_order_on_disk(tmp_path: Path) -> None:
    rows, order = unit_rows(300), np.random.default_rng(0).permutation(300)
    rows.tofile(tmp_path / "rows")
    mapped = np.memmap(tmp_path / "rows", np.float32, "r", shape=rows.shape)
    found = arranged(mapped, order)
    assert isinstance(found, np.memmap)
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, rows[order])
    assert not isinstance(arranged(rows, order), np.memmap)
    assert [path.name for path in tmp_path.iterdir()] == ["rows"]
    assert arranged(mapped, order[:0]).shape == (0, 16)


def test_ids_that_share_a_word_are_not_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By chance once among billions; here always."""

    def same_first_word(item_ids: list[str]) -> Hashes:
        return np.array([[7, ord(item_id)] for item_id in item_ids], np.uint64).reshape(-1, 2)

    monkeypatch.setattr(staging, "id_hashes", same_first_word)
    with Staging(tmp_path, 16) as staged:
        for price, ids in enumerate(["cab", "ba", "c"]):
            items = [Item(item_id=i, title="t", price=float(price)) for i in ids]
            staged.add(items, unit_rows(len(items)))
        staged.remove(["a"])
        found = {item.item_id: item.price for item in staged.finish().items}
    assert found == {"b": 1.0, "c": 2.0}
