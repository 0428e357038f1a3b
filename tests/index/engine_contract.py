"""What every engine must do, on vectors whose right answer is obvious. Engine tests inherit it."""

from __future__ import annotations

import sys
import threading
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from index import Engine
from tests.index.vectors import exhaustive, unit_rows


class EngineContract(ABC):
    """Inherit, and say how the engine is built.

    Attributes:
        score_error: How far a score may be from the inner product.
        lowest_recall: Recall@10 that random vectors, the hardest there are, must reach.
    """

    score_error = 1e-6
    lowest_recall = 1.0

    @abstractmethod
    def engine(self, rows: NDArray[np.float32]) -> tuple[Engine, NDArray[np.float32]]:
        """An engine of these rows, and the rows in the order of its positions."""

    def test_it_tells_its_size(self) -> None:
        engine, _ = self.engine(unit_rows(7, dim=8))
        assert (engine.count, engine.dim) == (7, 8)

    def test_each_axis_finds_itself_first(self) -> None:
        engine, axes = self.engine(np.eye(8, dtype=np.float32))
        scores, positions = engine.search(axes, 1)
        assert positions[:, 0].tolist() == list(range(8))
        np.testing.assert_allclose(scores[:, 0], 1.0, atol=self.score_error)

    def test_scores_fall_with_the_angle(self) -> None:
        angles = np.deg2rad([80, 0, 40, 20, 60])
        rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
        engine, rows = self.engine(rows)
        scores, positions = engine.search(np.array([[1, 0]], np.float32), 5)
        assert (np.diff(rows[positions[0], 0]) < 0).all()
        expected = np.cos(np.deg2rad([[0, 20, 40, 60, 80]]))
        np.testing.assert_allclose(scores, expected, atol=self.score_error)

    @pytest.mark.parametrize("n_queries", [1, 3, 64])
    def test_more_results_than_rows_are_padded(self, n_queries: int) -> None:
        scores, positions = self.engine(unit_rows(4))[0].search(unit_rows(n_queries, seed=1), 9)
        assert scores.shape == positions.shape == (n_queries, 9)
        assert np.isneginf(scores[:, 4:]).all()
        assert (positions[:, 4:] == -1).all()
        assert (np.sort(positions[:, :4], axis=1) == np.arange(4)).all()

    @pytest.mark.parametrize("effort", [1e6, 1e300])
    def test_no_effort_is_too_much(self, effort: float) -> None:
        engine, rows = self.engine(unit_rows(300))
        queries = unit_rows(20, seed=1)
        most = np.ones(300, np.bool_)
        most[::7] = False
        for allowed in (None, most):
            found = engine.search(queries, 5, effort, allowed)[1]
            truth = exhaustive(rows if allowed is None else rows * allowed[:, None], queries, 5)[0]
            scores = np.take_along_axis(queries @ rows.T, found, axis=1)
            np.testing.assert_allclose(scores, truth, atol=0.01)

    def test_no_rows_give_no_results(self) -> None:
        scores, positions = self.engine(unit_rows(0))[0].search(unit_rows(2), 3)
        assert positions.tolist() == [[-1] * 3] * 2
        assert np.isneginf(scores).all()

    def test_one_row_is_always_found(self) -> None:
        positions = self.engine(unit_rows(1))[0].search(unit_rows(50, seed=2), 2)[1]
        assert positions.tolist() == [[0, -1]] * 50

    def test_no_queries_give_no_rows(self) -> None:
        scores, positions = self.engine(unit_rows(5))[0].search(unit_rows(0), 3)
        assert scores.shape == positions.shape == (0, 3)

    @pytest.mark.parametrize("n_queries", [1, 64])
    def test_equal_scores_come_in_order_of_position(self, n_queries: int) -> None:
        engine, rows = self.engine(np.tile(unit_rows(3), (4, 1)))  # each row four times
        queries = np.tile(unit_rows(1, seed=3), (n_queries, 1))
        positions = engine.search(queries, 12)[1]
        for groups in positions.reshape(n_queries, 3, 4):
            for group in groups:
                assert (np.diff(group) > 0).all()
                assert (rows[group] == rows[group[0]]).all()

    def test_a_zero_row_scores_zero_and_yields_to_any_likeness(self) -> None:
        engine, rows = self.engine(np.vstack([np.zeros((1, 16), np.float32), unit_rows(20)]))
        (zero,) = np.flatnonzero(~rows.any(axis=1))
        query = 1 if zero == 0 else 0
        scores, positions = engine.search(rows[query : query + 1], 21)
        at = positions[0].tolist().index(zero)
        assert scores[0, at] == pytest.approx(0.0, abs=self.score_error)
        assert positions[0, 0] == query

    def test_a_zero_query_scores_zero_everywhere(self) -> None:
        scores, positions = self.engine(unit_rows(6))[0].search(np.zeros((1, 16), np.float32), 6)
        assert scores.tolist() == [[0.0] * 6]
        assert positions.tolist() == [list(range(6))]

    @pytest.mark.parametrize("n_queries", [1, 64])
    def test_it_agrees_with_numpy(self, n_queries: int) -> None:
        engine, rows = self.engine(unit_rows(2_000, dim=32))
        queries = unit_rows(n_queries, dim=32, seed=4)
        scores, positions = engine.search(queries, 10)
        truth = exhaustive(rows, queries, 10)[1]
        hits = [len(set(a) & set(b)) for a, b in zip(positions, truth, strict=True)]
        assert sum(hits) / truth.size >= self.lowest_recall
        products = np.take_along_axis(queries @ rows.T, positions, axis=1)
        np.testing.assert_allclose(scores, products, atol=self.score_error)
        assert (np.diff(scores, axis=1) <= 0).all()

    @pytest.mark.parametrize("n_queries", [1, 30])
    @pytest.mark.parametrize("share", [0.9, 0.5, 0.1, 0.01])
    def test_only_what_is_allowed_comes_back_and_all_that_is_owed(
        self, n_queries: int, share: float
    ) -> None:
        engine, rows = self.engine(np.repeat(unit_rows(700, dim=32), 3, axis=0))
        rng = np.random.default_rng(7)
        allowed = rng.random(len(rows)) < share
        queries = unit_rows(n_queries, dim=32, seed=4)
        k = 40
        scores, positions = engine.search(queries, k, allowed=allowed)
        owed = min(k, int(allowed.sum()))
        assert allowed[positions[:, :owed]].all()
        assert (positions[:, owed:] == -1).all()
        assert np.isneginf(scores[:, owed:]).all()
        assert all(len(set(found)) == owed for found in positions[:, :owed].tolist())
        products = np.take_along_axis(queries @ rows.T, positions[:, :owed], axis=1)
        np.testing.assert_allclose(scores[:, :owed], products, atol=self.score_error)
        assert (np.diff(scores[:, :owed], axis=1) <= 0).all()
        kth = exhaustive(rows[allowed], queries, owed)[0][:, -1:]
        assert (products >= kth - 1e-5).mean() >= self.lowest_recall

    @settings(
        deadline=None, max_examples=25, suppress_health_check=[HealthCheck.differing_executors]
    )
    @given(
        n_rows=st.integers(0, 120),
        copies=st.integers(1, 4),
        zeros=st.integers(0, 2),
        n_queries=st.integers(1, 25),
        k=st.integers(1, 150),
        share=st.none() | st.floats(0, 1),
        seed=st.integers(0, 1_000),
    )
    def test_whatever_is_asked_the_answer_is_well_formed(
        self,
        n_rows: int,
        copies: int,
        zeros: int,
        n_queries: int,
        k: int,
        share: float | None,
        seed: int,
    ) -> None:
        """Owed and no more, allowed, distinct, scored right, best first, ties by position."""
        unit = np.tile(unit_rows(n_rows, dim=8, seed=seed), (copies, 1))
        engine, rows = self.engine(np.vstack([unit, np.zeros((zeros, 8), np.float32)]))
        rng = np.random.default_rng(seed)
        allowed = None if share is None else rng.random(len(rows)) < share
        queries = unit_rows(n_queries, dim=8, seed=seed + 1)
        scores, positions = engine.search(queries, k, allowed=allowed)
        assert (scores.dtype.name, positions.dtype.name) == ("float32", "int64")
        assert scores.shape == positions.shape == (n_queries, k)
        owed = min(k, len(rows) if allowed is None else int(allowed.sum()))
        found, theirs = positions[:, :owed], scores[:, :owed]
        assert (positions[:, owed:] == -1).all()
        assert np.isneginf(scores[:, owed:]).all()
        assert ((found >= 0) & (found < len(rows))).all()
        assert allowed is None or allowed[found].all()
        assert all(len(set(row)) == owed for row in found.tolist())
        products = np.take_along_axis(queries @ rows.T, found, axis=1)
        # Each of 8 values is rounded by more than each of 384.
        np.testing.assert_allclose(theirs, products, atol=2 * self.score_error)
        falls = np.diff(theirs, axis=1)
        assert (falls <= 0).all()
        assert (np.diff(found, axis=1)[falls == 0] > 0).all()

    def test_a_mask_of_all_changes_nothing(self) -> None:
        engine, rows = self.engine(unit_rows(500))
        allowed = np.ones(len(rows), np.bool_)
        queries = unit_rows(5, seed=8)
        plain, masked = (engine.search(queries, 20, allowed=mask)[0] for mask in (None, allowed))
        np.testing.assert_allclose(plain, masked, atol=2 * self.score_error)

    @pytest.mark.parametrize("n_queries", [1, 30])
    def test_with_nothing_allowed_nothing_comes_back(self, n_queries: int) -> None:
        engine, rows = self.engine(unit_rows(50))
        allowed = np.zeros(len(rows), np.bool_)
        scores, positions = engine.search(unit_rows(n_queries, seed=1), 3, allowed=allowed)
        assert (positions == -1).all()
        assert np.isneginf(scores).all()

    def test_one_copy_of_many_can_be_the_only_one_allowed(self) -> None:
        engine, rows = self.engine(np.repeat(unit_rows(40), 5, axis=0))
        for only in (0, 99, 199):
            allowed = np.arange(len(rows)) == only
            positions = engine.search(rows[only : only + 1], 2, allowed=allowed)[1]
            assert positions.tolist() == [[only, -1]]
        allowed = np.arange(len(rows)) % 5 == 3
        positions = engine.search(rows[::5].copy(), 1, allowed=allowed)[1][:, 0]
        assert (positions % 5 == 3).all()

    def test_a_mask_is_left_as_it_is(self) -> None:
        engine, rows = self.engine(unit_rows(100))
        allowed = np.arange(len(rows)) % 2 == 0
        allowed.flags.writeable = False
        engine.search(unit_rows(2), 3, allowed=allowed)
        assert (allowed == (np.arange(len(rows)) % 2 == 0)).all()

    def test_the_queries_are_left_as_they_are(self) -> None:
        queries = unit_rows(5, seed=5)
        queries.flags.writeable = False
        before = queries.copy()
        self.engine(unit_rows(30))[0].search(queries, 3)
        np.testing.assert_array_equal(queries, before)

    def test_searches_at_once_answer_as_one_after_another(self) -> None:
        engine, _ = self.engine(unit_rows(3_000, dim=32))
        batches = [unit_rows(64, dim=32, seed=seed) for seed in range(60)]
        alone = [engine.search(batch, 20)[1] for batch in batches]
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda batch: engine.search(batch, 20)[1], batches))
        for a, b in zip(alone, together, strict=True):
            np.testing.assert_array_equal(a, b)

    def test_other_threads_run_while_it_searches(self) -> None:
        engine, _ = self.engine(unit_rows(3_000, dim=64))
        queries = unit_rows(3_000, dim=64, seed=6)
        started, finished = threading.Event(), threading.Event()

        def search() -> None:
            started.set()
            engine.search(queries, 50)
            finished.set()

        # With the GIL held this thread would get no turn between the two events.
        switch_interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-4)
        searching = threading.Thread(target=search)
        searching.start()
        started.wait(10)
        turns = 0
        while not finished.is_set():
            time.sleep(0)
            turns += 1
        searching.join()
        sys.setswitchinterval(switch_interval)
        assert turns > 100
