"""What each rank was offered, of a finished list: the draw's own propensities follow from it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.slates.chance import uniforms
from scoring.slates.draw import draw
from scoring.slates.drawing import Drawing
from scoring.slates.field import Cap, Field, Floor
from scoring.slates.offered import offered


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 3), st.integers(1, 6))
def test_a_softmax_over_what_was_offered_gives_the_propensities_of_the_draw(
    seed: int, limit: int, n_ranks: int
) -> None:
    """With caps, a floor, pins that may not fit, and users who have fewer candidates than ranks."""
    rng = np.random.default_rng(seed)
    shape = (4, 7)
    there = rng.random(shape) < 0.8
    pins = np.full((4, n_ranks), -1)
    pins[:, n_ranks // 2] = rng.integers(-1, 7, 4)
    field = Field(
        scores=rng.normal(size=shape),
        there=there,
        caps=[Cap("cap", rng.integers(-1, 3, shape), np.full(shape, limit))],
        pins=pins,
        floors=[Floor("floor", rng.random(shape) < 0.4, 0.5)],
    )
    drawn = draw(field, Drawing(n_ranks, "softmax", 0.7), uniforms(["a", "b", "c", "d"], n_ranks))
    may = offered(field, drawn)
    free = drawn.exists & ~drawn.pinned
    assert (may.any(axis=2) == free).all()
    chances = np.where(may, np.exp(field.scores / 0.7)[:, None, :], 0.0)
    chances /= np.maximum(chances.sum(axis=2, keepdims=True), 1e-300)
    found = np.take_along_axis(chances, drawn.places[:, :, None], axis=2)[:, :, 0]
    np.testing.assert_allclose(found[free], drawn.propensities[free], rtol=1e-9)
