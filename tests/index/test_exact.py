"""The exact engine against the contract, and against exhaustive numpy to the last tie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from index import Engine, ExactEngine
from tests.index.engine_contract import EngineContract
from tests.index.vectors import exhaustive

DIM = 4


def whole_numbers(n: int, seed: int) -> NDArray[np.float32]:
    """(n, DIM) from -2 to 2: products are exact in float32, so equal is equal, and ties abound."""
    return np.random.default_rng(seed).integers(-2, 3, (n, DIM)).astype(np.float32)


class TestExactEngine(EngineContract):
    def engine(self, rows: NDArray[np.float32]) -> tuple[Engine, NDArray[np.float32]]:
        return ExactEngine(rows), rows


@settings(deadline=None, max_examples=300)
@given(
    n_rows=st.integers(0, 300),
    n_queries=st.integers(1, 30),  # FAISS takes another way from 20 on
    k=st.integers(1, 310),
    seed=st.integers(0, 10_000),
)
def test_scores_positions_and_ties_are_those_of_an_exhaustive_sort(
    n_rows: int, n_queries: int, k: int, seed: int
) -> None:
    rows, queries = whole_numbers(n_rows, seed), whole_numbers(n_queries, seed + 1)
    scores, positions = ExactEngine(rows).search(queries, k)
    expected_scores, expected_positions = exhaustive(rows, queries, k)
    np.testing.assert_array_equal(scores, expected_scores)
    np.testing.assert_array_equal(positions, expected_positions)


@settings(deadline=None, max_examples=300)
@given(
    n_rows=st.integers(1, 300),
    n_queries=st.integers(1, 30),
    k=st.integers(1, 310),
    share=st.floats(0, 1),
    seed=st.integers(0, 10_000),
)
def test_a_mask_gives_the_exhaustive_sort_of_what_it_allows(
    n_rows: int, n_queries: int, k: int, share: float, seed: int
) -> None:
    rows, queries = whole_numbers(n_rows, seed), whole_numbers(n_queries, seed + 1)
    allowed = np.random.default_rng(seed).random(n_rows) < share
    with pytest.MonkeyPatch.context() as patch:
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
