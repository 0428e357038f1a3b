"""Examination of ranks, learned from simulated clicks whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.slates.chance import uniforms
from scoring.slates.draw import draw
from scoring.slates.drawing import Drawing
from scoring.slates.examination import examination, examination_errors
from scoring.slates.field import Field


def test_the_ranks_are_found_though_the_better_items_stood_higher() -> None:
    n_lists, n_ranks = 40_000, 8
    rng = np.random.default_rng(0)
    wanted = 0.6 * 0.8 ** np.arange(20)
    looked = 1 / np.arange(1, n_ranks + 1) ** 0.8
    scores = np.tile(wanted, (n_lists, 1))
    field = Field(scores, np.ones(scores.shape, np.bool_))
    drawing = Drawing(n_ranks, "softmax", 0.1)
    drawn = draw(field, drawing, uniforms([str(i) for i in range(n_lists)], n_ranks))
    clicked = rng.random(drawn.places.shape) < wanted[drawn.places] * looked
    ranks = np.broadcast_to(np.arange(1, n_ranks + 1), drawn.places.shape)
    found = examination(drawn.places.ravel(), ranks.ravel(), clicked.ravel())
    by_rate = clicked.mean(axis=0) / clicked[:, 0].mean()
    assert np.abs(found.by_rank - looked).max() < 0.02
    assert np.abs(by_rate - looked).max() > 0.04, "the click rate alone is misled"
    np.testing.assert_allclose(found.weights([1, 8], at_most=3.0), [1.0, 3.0])


def test_an_error_is_of_other_users_and_not_of_more_rows_of_the_same() -> None:
    rng = np.random.default_rng(1)
    n = 6_000
    items, ranks, users = rng.integers(0, 5, n), rng.integers(1, 4, n), rng.integers(0, 200, n)
    clicked = rng.random(n) < 0.5 / ranks * (1 + items / 5) / 2
    errors = examination_errors(items, ranks, clicked, users)
    assert errors[0] == 0
    assert (errors[1:] > 0.005).all()
    rows = np.tile(np.arange(n), 2)
    twice = examination_errors(items[rows], ranks[rows], clicked[rows], users[rows])
    np.testing.assert_allclose(twice, errors, rtol=1e-6)
    as_others = users[rows] + 200 * (np.arange(2 * n) >= n)
    assert (examination_errors(items[rows], ranks[rows], clicked[rows], as_others) < errors)[
        1:
    ].all()


def test_rows_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match="2 groups, 1 ranks"):
        examination([0, 1], [1], [True])
