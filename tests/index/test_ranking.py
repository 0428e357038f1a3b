"""From what a graph found to rows: groups spread out, ties in order, the rest padded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.groups import Groups, label_groups
from index.ranking import finish
from tests.index.vectors import unit_rows


@settings(deadline=None, max_examples=300)
@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=30),
    n_queries=st.integers(1, 6) | st.just(130),
    k=st.integers(1, 80),
    levels=st.integers(1, 10),
    share=st.none() | st.floats(0, 1),
    seed=st.integers(0, 10_000),
)
def test_spreading_is_sorting_all_rows_behind_what_was_found(
    sizes: list[int], n_queries: int, k: int, levels: int, share: float | None, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    n_nodes = len(sizes)
    groups = Groups(np.concatenate([[0], np.cumsum(sizes)]))
    depth = min(k, n_nodes)
    node_scores = rng.integers(0, levels, (n_queries, n_nodes)).astype(np.float32)
    order = np.argsort(-node_scores, axis=1)[:, :depth]
    found = np.take_along_axis(node_scores, order, axis=1)
    n_missing = rng.integers(0, depth, n_queries)
    for i, missing in enumerate(n_missing):
        order[i, depth - missing :] = -1
    allowed = None if share is None else rng.random(groups.n_rows) < share
    if allowed is not None:  # a node without allowed rows is never found
        usable = groups.nodes_of(allowed)
        order[~usable[order]] = -1
        last = np.argsort(order < 0, axis=1, kind="stable")
        order = np.take_along_axis(order, last, axis=1)
        found = np.take_along_axis(found, last, axis=1)
    scores, rows = groups.spread(found.copy(), order.copy(), k, allowed)
    for i in range(n_queries):
        # The nodes as found, each one's rows in order; then the first k; then ties by row.
        pairs = [
            (-float(node_scores[i, node]), row)
            for node in order[i]
            if node >= 0
            for row in range(groups.offsets[node], groups.offsets[node + 1])
            if allowed is None or allowed[row]
        ][:k]
        expected = sorted(pairs)
        assert list(zip((-scores[i, : len(pairs)]).tolist(), rows[i], strict=False)) == expected
        assert (rows[i, len(pairs) :] == -1).all()
        assert np.isneginf(scores[i, len(pairs) :]).all()


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=30),
    share=st.floats(0, 1),
    seed=st.integers(0, 10_000),
)
def test_a_node_is_allowed_when_one_of_its_rows_is(
    sizes: list[int], share: float, seed: int
) -> None:
    groups = Groups(np.concatenate([[0], np.cumsum(sizes)]))
    allowed = np.random.default_rng(seed).random(groups.n_rows) < share
    expected = [part.any() for part in np.split(allowed, groups.offsets[1:-1])]
    assert groups.nodes_of(allowed).tolist() == expected


@settings(deadline=None, max_examples=200)
@given(
    n=st.integers(1, 40),
    n_queries=st.sampled_from([1, 3]),
    k_more=st.integers(0, 5),
    levels=st.integers(1, 40),
    seed=st.integers(0),
)
def test_ties_of_any_length_come_in_order_of_position(
    n: int, n_queries: int, k_more: int, levels: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    scores = -np.sort(-rng.integers(0, levels, (n_queries, n)).astype(np.float32), axis=1)
    positions = np.stack([rng.permutation(n) for _ in range(n_queries)])
    expected = [sorted(zip(-s, p, strict=True)) for s, p in zip(scores, positions, strict=True)]
    done_scores, done = finish(scores.copy(), positions.copy(), n + k_more)
    assert done.shape == done_scores.shape == (n_queries, n + k_more)
    for i in range(n_queries):
        assert list(zip(-done_scores[i, :n], done[i, :n], strict=True)) == expected[i]


@pytest.mark.parametrize("n_queries", [1, 3])
def test_what_is_missing_scores_less_than_anything(n_queries: int) -> None:
    """FAISS marks it with a score of its engine's own: 0, or the lowest number there is."""
    scores = np.array([[0.5, 0.0, 0.0]] * n_queries, np.float32)
    positions = np.array([[7, -1, -1]] * n_queries)
    done_scores, done = finish(scores, positions, 3)
    assert done_scores.tolist() == [[0.5, -np.inf, -np.inf]] * n_queries
    assert done.tolist() == [[7, -1, -1]] * n_queries


@pytest.mark.parametrize("offsets", [[], [1], [0, 0], [0, 2, 1], [[0, 1]]])
def test_offsets_that_are_no_groups_are_refused(offsets: list[int]) -> None:
    with pytest.raises(ValueError, match=r"groups\.npy"):
        Groups(np.array(offsets, dtype=np.int64))


def test_equal_rows_have_one_label_in_order_of_their_first() -> None:
    a, b, c = unit_rows(3)
    assert label_groups(np.stack([b, a, b, c, a])).tolist() == [0, 1, 0, 2, 1]


def test_zero_and_minus_zero_are_the_same_row() -> None:
    assert label_groups(np.array([[0.0, 1.0], [-0.0, 1.0]], np.float32)).tolist() == [0, 0]


def test_rows_that_differ_noticeably_are_apart() -> None:
    rows = np.array([[1.0, 0.0], [np.cos(0.01), np.sin(0.01)]], np.float32)
    assert label_groups(rows).tolist() == [0, 1]
