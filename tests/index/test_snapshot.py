"""A snapshot answers what it can, and says clearly what it cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from index import (
    DimensionMismatchError,
    EncoderMismatchError,
    IndexStore,
    Manifest,
    Snapshot,
    build_index,
)
from tests.index.vectors import shop, unit_rows


@pytest.fixture
def snapshot(store: IndexStore, published: Manifest) -> Snapshot:
    return store.open()


def test_queries_of_another_width_are_refused_with_both_widths(snapshot: Snapshot) -> None:
    with pytest.raises(DimensionMismatchError, match=r"\(2, 15\).*\(B, 16\).*mini-1"):
        snapshot.search(unit_rows(2, dim=15), 3)


def test_a_single_vector_is_refused(snapshot: Snapshot) -> None:
    with pytest.raises(DimensionMismatchError, match=r"\(16,\)"):
        snapshot.search(unit_rows(1)[0], 3)


@pytest.mark.parametrize("k", [0, -1])
def test_at_least_one_result_must_be_asked_for(snapshot: Snapshot, k: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        snapshot.search(unit_rows(2), k)


@pytest.mark.parametrize("effort", [0.0, -1.0, np.nan, np.inf])
def test_an_effort_is_a_positive_number(snapshot: Snapshot, effort: float) -> None:
    with pytest.raises(ValueError, match="effort"):
        snapshot.search(unit_rows(2), 3, effort=effort)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_query_that_is_not_finite_is_refused(snapshot: Snapshot, bad: float) -> None:
    queries = unit_rows(3)
    queries[1, 7] = bad
    with pytest.raises(ValueError, match="nan or infinity"):
        snapshot.search(queries, 3)


@pytest.mark.parametrize("n_queries", [1, 64])
def test_a_query_whose_scores_would_overflow_is_refused(snapshot: Snapshot, n_queries: int) -> None:
    """Infinity minus infinity is no score: exact search looked ever deeper for one, without end."""
    with pytest.raises(ValueError, match="beyond all scores"):
        snapshot.search(np.full((n_queries, 16), 1e20, np.float32), 3)


@pytest.mark.parametrize("mask", [np.ones(199, bool), np.ones(200), np.ones((1, 200), bool)])
def test_a_mask_of_other_items_is_refused(snapshot: Snapshot, mask: Any) -> None:
    with pytest.raises(ValueError, match=r"allowed is .*bool \(200,\)"):
        snapshot.search(unit_rows(1), 3, allowed=mask)


def test_only_allowed_items_come_back(snapshot: Snapshot) -> None:
    allowed = np.arange(200) % 7 == 0
    found = snapshot.search(unit_rows(3, seed=2), 29, allowed=allowed).positions
    assert np.sort(found, axis=1).tolist() == [np.flatnonzero(allowed).tolist()] * 3


def test_doubles_and_transposed_queries_are_converted(snapshot: Snapshot) -> None:
    queries = unit_rows(4)
    expected = snapshot.search(queries, 6).positions
    doubles: Any = queries.astype(np.float64)
    np.testing.assert_array_equal(snapshot.search(doubles, 6).positions, expected)
    columns = np.asfortranarray(queries)
    np.testing.assert_array_equal(snapshot.search(columns, 6).positions, expected)


def test_scores_are_cosines(snapshot: Snapshot) -> None:
    queries = unit_rows(5, seed=3)
    found = snapshot.search(queries, 10)
    cosines = np.einsum("bd,bkd->bk", queries, snapshot.vectors[found.positions])
    np.testing.assert_allclose(found.scores, cosines, atol=5e-3)


def test_columns_and_vectors_cannot_be_written_to(snapshot: Snapshot) -> None:
    catalogue = snapshot.catalogue
    for array in (snapshot.vectors, catalogue.prices, catalogue.in_stock, catalogue.popularity):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_another_encoder_is_refused_with_both_names(snapshot: Snapshot) -> None:
    snapshot.require_encoder("mini-1")
    with pytest.raises(EncoderMismatchError, match=r"mini-1.*mini-2"):
        snapshot.require_encoder("mini-2")


def test_warming_changes_nothing(snapshot: Snapshot) -> None:
    before = snapshot.search(unit_rows(3), 5).positions
    snapshot.warm()
    np.testing.assert_array_equal(snapshot.search(unit_rows(3), 5).positions, before)


@pytest.mark.parametrize("engine", ["exact", "hnsw", "ivfpq"])
def test_a_version_without_items_answers_with_nothing(store: IndexStore, engine: str) -> None:
    build_index(store, [], unit_rows(0), encoder_version="mini-1", engine=engine)
    snapshot = store.open()
    snapshot.warm()
    found = snapshot.search(unit_rows(2), 3)
    assert found.positions.tolist() == [[-1] * 3] * 2
    assert len(snapshot) == len(snapshot.catalogue) == 0
    assert snapshot.catalogue.position("item-0") == -1


@pytest.mark.parametrize("engine", ["exact", "hnsw", "ivfpq"])
def test_a_version_of_one_item_finds_it(store: IndexStore, engine: str) -> None:
    build_index(store, shop(1), unit_rows(1), encoder_version="mini-1", engine=engine)
    found = store.open().search(unit_rows(4, seed=5), 2)
    assert found.positions.tolist() == [[0, -1]] * 4


def test_more_effort_can_be_asked_for_when_it_is_opened(store: IndexStore) -> None:
    rows = unit_rows(3_000, dim=64)
    build_index(store, shop(3_000), rows, encoder_version="mini-1", engine="hnsw")
    queries = unit_rows(100, dim=64, seed=1)

    def found(ef_search: int | None, effort: float) -> float:
        """Mean score of the tenth result: the higher, the nearer the truth."""
        snapshot = store.open(ef_search=ef_search)
        return float(snapshot.search(queries, 10, effort=effort).scores[:, -1].mean())

    assert found(10, 1.0) < found(None, 1.0) < found(1_000, 1.0)
    assert found(10, 10.0) == found(None, 1.0)
    assert found(None, 10.0) == found(1_000, 1.0)
