"""A table on disk is what was written, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scoring import RelatedItems
from scoring.errors import ModelError

TABLE = RelatedItems(
    ["a", "b", "c"],
    np.array([[1, 2], [0, -1], [-1, -1]], np.int32),
    np.array([[1, 0.5], [1, 0], [0, 0]], np.float32),
)


def test_what_is_loaded_is_what_was_saved(tmp_path: Path) -> None:
    TABLE.save(tmp_path)
    found = RelatedItems.load(tmp_path)
    assert found.item_ids == TABLE.item_ids
    np.testing.assert_array_equal(found.neighbours, TABLE.neighbours)
    np.testing.assert_array_equal(found.strengths, TABLE.strengths)
    assert found.version == TABLE.version


def test_another_strength_is_another_version() -> None:
    other = RelatedItems(TABLE.item_ids, TABLE.neighbours, TABLE.strengths * np.float32(0.5))
    assert other.version != TABLE.version


def test_a_folder_without_a_table_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="rillstream train"):
        RelatedItems.load(tmp_path)


@pytest.mark.parametrize(
    ("neighbours", "strengths"),
    [
        (np.full((3, 2), 3, np.int32), TABLE.strengths),
        (np.full((3, 2), -2, np.int32), TABLE.strengths),
        (TABLE.neighbours.astype(np.int64), TABLE.strengths),
        (TABLE.neighbours, np.full((3, 2), np.nan, np.float32)),
        (TABLE.neighbours, np.full((3, 2), -1, np.float32)),
        (TABLE.neighbours[:2], TABLE.strengths[:2]),
        (TABLE.neighbours, TABLE.strengths[:, :1]),
    ],
    ids=["beyond", "below", "type", "nan", "negative", "rows", "columns"],
)
def test_numbers_that_would_mislead_are_refused(
    tmp_path: Path, neighbours: np.ndarray, strengths: np.ndarray
) -> None:
    RelatedItems(TABLE.item_ids, neighbours, strengths).save(tmp_path)
    with pytest.raises(ModelError, match="damaged"):
        RelatedItems.load(tmp_path)


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    TABLE.save(tmp_path)
    ids = tmp_path / "related.json"
    ids.write_text(ids.read_text().replace('"b"', '"x"'))
    with pytest.raises(ModelError, match="changed"):
        RelatedItems.load(tmp_path)
    ids.write_bytes(ids.read_bytes().replace(b'"x"', b'"\xff"'))
    with pytest.raises(ModelError, match="no table of related items"):
        RelatedItems.load(tmp_path)
