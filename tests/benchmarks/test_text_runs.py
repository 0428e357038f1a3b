"""What the tables of text models stand on: changed recipes, and two models as one."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.tasks.contract import Example
from tests.benchmarks.bench_switches import FIVE_SHOT, JOINT, SHARED, SWITCHES
from tests.benchmarks.bench_texts import best_weight, fused
from tests.benchmarks.text_runs import Plain, as_recipe, changed

ROWS = {name: changed(FIVE_SHOT, change) for name, change in SWITCHES.items()} | {
    name: changed(JOINT, change) for name, change in SHARED.items()
}


def test_a_changed_recipe_is_the_old_one_elsewhere() -> None:
    old = {"fgm": 0.1, "training": {"epochs": 4, "patience": 1}}
    new = changed(old, {"training": {"epochs": 2}, "fgm": None})
    assert new == {"training": {"epochs": 2, "patience": 1}}
    assert old == {"fgm": 0.1, "training": {"epochs": 4, "patience": 1}}


def test_two_models_as_one_by_hand() -> None:
    first, second = np.array([[0.8, 0.2]]), np.array([[0.2, 0.8]])
    np.testing.assert_allclose(fused(first, second, 1.0), first)
    np.testing.assert_allclose(fused(first, second, 0.5), [[0.5, 0.5]])
    # odds 4 ** 0.75 * 0.25 ** 0.25 = 2
    np.testing.assert_allclose(fused(first, second, 0.75), [[2 / 3, 1 / 3]])


def test_the_better_of_two_models_weighs_more() -> None:
    rows = [Example(("a text",), label) for label in ("no", "yes") * 20]
    right = np.tile([[0.9, 0.1], [0.1, 0.9]], (20, 1))
    guess = np.full((40, 2), 0.5)
    assert best_weight(right, guess, ["no", "yes"], rows) == 1.0
    assert best_weight(guess, right, ["no", "yes"], rows) == 0.0


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_a_recipe_of_its_own(name: str) -> None:
    """Strict: a switch that was renamed is an error here, not after an hour of training."""
    recipe: Plain = ROWS[name]
    assert as_recipe(recipe, 2).training.seed == 2
    assert sum(recipe == other for other in ROWS.values()) == 1
