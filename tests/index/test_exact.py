"""The exact engine against the contract, and against exhaustive numpy to the last tie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from index import Engine, ExactEngine
from index.library import faiss
from tests.index.engine_contract import EngineContract
from tests.index.vectors import exhaustive, unit_rows

DIM = 4


def whole_numbers(n: int, seed: int) -> NDArray[np.float32]:
    """(n, DIM) from -2 to 2: products are exact in float32, so equal is equal, and ties abound."""
    return np.random.default_rng(seed).integers(-2, 3, (n, DIM)).astype(np.float32)


@contextmanager
def products(from_: int) -> Iterator[None]:
    """Matrices are multiplied from so many queries x width on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faiss().cvar, "distance_compute_blas_threshold", from_)
        patch.setattr("index.brute.PRODUCT_FROM", from_)
        yield


class TestExactEngine(EngineContract):
    def engine(self, rows: NDArray[np.float32]) -> tuple[Engine, NDArray[np.float32]]:
        return ExactEngine(rows), rows


class TestProductsOfAnySize(TestExactEngine):
    @pytest.fixture(autouse=True)
    def _always(self) -> Iterator[None]:
        with products(1):
            yield


@pytest.mark.parametrize("k", [5, 70, 100])
@pytest.mark.parametrize("share", [None, 0.5])
def test_a_query_gets_the_same_whoever_is_asked_beside_it(k: int, share: float | None) -> None:
    """A product rounds equal rows apart; the lists, scores to the last bit, must not show it."""
    rows = np.tile(unit_rows(37, dim=384), (70, 1))
    queries = unit_rows(350, dim=384, seed=1)
    allowed = None if share is None else np.random.default_rng(2).random(len(rows)) < share
    engine = ExactEngine(rows)
    scores, positions = engine.search(queries, k, allowed=allowed)
    for first in range(0, 350, 50):
        alone = engine.search(queries[first : first + 1], k, allowed=allowed)
        few = engine.search(queries[first : first + 10], k, allowed=allowed)
        np.testing.assert_array_equal(alone[0][0], scores[first])
        np.testing.assert_array_equal(alone[1][0], positions[first])
        np.testing.assert_array_equal(few[0], scores[first : first + 10])
        np.testing.assert_array_equal(few[1], positions[first : first + 10])


@pytest.mark.parametrize("products_from", [1, 3_000])  # always, never
@settings(deadline=None, max_examples=300)
@given(
    n_rows=st.integers(0, 300),
    n_queries=st.integers(1, 30),
    k=st.integers(1, 310),
    seed=st.integers(0, 10_000),
)
def test_scores_positions_and_ties_are_those_of_an_exhaustive_sort(
    products_from: int, n_rows: int, n_queries: int, k: int, seed: int
) -> None:
    rows, queries = whole_numbers(n_rows, seed), whole_numbers(n_queries, seed + 1)
    with products(products_from):
        scores, positions = ExactEngine(rows).search(queries, k)
    expected_scores, expected_positions = exhaustive(rows, queries, k)
    np.testing.assert_array_equal(scores, expected_scores)
    np.testing.assert_array_equal(positions, expected_positions)


@pytest.mark.parametrize("products_from", [1, 3_000])
@settings(deadline=None, max_examples=300)
@given(
    n_rows=st.integers(1, 300),
    n_queries=st.integers(1, 30),
    k=st.integers(1, 310),
    share=st.floats(0, 1),
    seed=st.integers(0, 10_000),
)
def test_a_mask_gives_the_exhaustive_sort_of_what_it_allows(
    products_from: int, n_rows: int, n_queries: int, k: int, share: float, seed: int
) -> None:
    rows, queries = whole_numbers(n_rows, seed), whole_numbers(n_queries, seed + 1)
    allowed = np.random.default_rng(seed).random(n_rows) < share
    with pytest.MonkeyPatch.context() as patch, products(products_from):
        patch.setattr("index.brute._ROWS_A_BLOCK", 7)
        scores, positions = ExactEngine(rows).search(queries, k, allowed=allowed)
    expected_scores, among = exhaustive(rows[allowed], queries, k)
    np.testing.assert_array_equal(scores, expected_scores)
    expected = np.append(np.flatnonzero(allowed), -1)[among]  # -1 stays -1
    np.testing.assert_array_equal(positions, expected)


def test_the_vectors_are_not_copied() -> None:
    rows = np.eye(DIM, dtype=np.float32)
    engine = ExactEngine(rows)
    rows[:] = rows[::-1].copy()  # nobody should, it shows that the memory is the same
    assert engine.search(np.eye(DIM, dtype=np.float32)[:1], 1)[1].tolist() == [[DIM - 1]]
