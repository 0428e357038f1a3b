"""Following a list: the draw's own probabilities, and those that another policy would have had."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.slates.chance import uniforms
from scoring.slates.draw import draw
from scoring.slates.drawing import DIVERSITIES, DRAWS, Drawing
from scoring.slates.evidence import sampled_scores
from scoring.slates.field import Cap, Field
from scoring.slates.following import following

IDS = ["a", "b", "c", "d"]


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(DRAWS),
    st.sampled_from(DIVERSITIES),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.integers(1, 6),
)
def test_a_drawn_list_has_the_propensities_that_it_was_drawn_with(
    seed: int, how: str, diversity: str, epsilon: float, n_ranks: int
) -> None:
    """To the last bit, with caps, pins and users who have fewer candidates than ranks."""
    rng = np.random.default_rng(seed)
    shape = (4, 7)
    pins = np.full((4, n_ranks), -1)
    pins[:, n_ranks // 2] = rng.integers(-1, 7, 4)
    rows = rng.normal(size=(4, 7, 5))
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    features = rng.normal(size=(4, 7, 3))
    field = Field(
        scores=features.sum(axis=2),
        there=np.ones(shape, np.bool_) if how == "thompson" else rng.random(shape) < 0.8,
        caps=[Cap("cap", rng.integers(-1, 3, shape), np.full(shape, 2))],
        pins=pins,
        vectors=list(rows.astype(np.float32)),
        features=list(features),
    )
    drawing = Drawing(n_ranks, how, 0.7, epsilon, diversity, 0.6)
    sampled = sampled_scores(field, IDS, drawing)
    drawn = draw(field, drawing, uniforms(IDS, n_ranks), sampled)
    for rank, p in enumerate(following(field, drawing, drawn, sampled)):
        there = drawn.exists[:, rank]
        np.testing.assert_allclose(p.sum(axis=1), there.astype(float))
        found = p[np.arange(4), drawn.places[:, rank]]
        np.testing.assert_array_equal(found[there], drawn.propensities[there, rank])


def test_another_temperature_has_the_probabilities_of_its_own_lists() -> None:
    """Drawn at .9, followed at .4: weighted, the first items are as often there as at .4."""
    n = 20_000
    field = Field(np.tile([1.0, 0.2, 0.6], (n, 1)), np.ones((n, 3), np.bool_))
    logged, wanted = Drawing(2, "softmax", 0.9), Drawing(2, "softmax", 0.4)
    drawn = draw(field, logged, np.random.default_rng(3).random((n, 2)))
    rows = np.arange(n)
    weights = np.ones(n)
    for rank, p in enumerate(following(field, wanted, drawn)):
        weights *= p[rows, drawn.places[:, rank]] / drawn.propensities[:, rank]
    chance = np.exp(np.array([1.0, 0.2, 0.6]) / 0.4)
    chance /= chance.sum()
    for item in range(3):
        assert (weights * (drawn.places[:, 0] == item)).mean() == pytest.approx(
            chance[item], abs=0.01
        )


def test_the_best_policy_would_not_have_drawn_what_is_not_the_best() -> None:
    field = Field(np.array([[1.0, 0.2, 0.6]]), np.ones((1, 3), np.bool_))
    drawn = draw(field, Drawing(2, "best"), np.zeros((1, 2)))
    other = replace(drawn, places=np.array([[2, 0]]))
    best = Drawing(2, "best")
    assert [p[0].tolist() for p in following(field, best, drawn)] == [[1, 0, 0], [0, 0, 1]]
    assert [p[0].tolist() for p in following(field, best, other)] == [[1, 0, 0], [1, 0, 0]]
