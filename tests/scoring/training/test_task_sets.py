"""Forward selection of tasks on losses that are given, fold by fold."""

from __future__ import annotations

import pytest

from scoring.errors import TrainingError
from scoring.training.task_sets import choose_tasks

NOISE = (0.00, 0.03, -0.02)


def loss(tasks: tuple[str, ...], fold: int) -> float:
    """Search helps by .1, review by .05 more beside it, click hurts; folds differ a little."""
    gain = 0.1 * ("search" in tasks) + 0.05 * ("review" in tasks) - 0.2 * ("click" in tasks)
    return 1.0 + 0.3 * fold - gain + NOISE[fold] * ("noise" in tasks) + 0.001 * fold * len(tasks)


def test_helpers_join_one_by_one_and_those_that_hurt_do_not() -> None:
    asked: list[tuple[tuple[str, ...], int]] = []

    def watched(tasks: tuple[str, ...], fold: int) -> float:
        asked.append((tasks, fold))
        return loss(tasks, fold)

    chosen = choose_tasks("sale", ["click", "review", "noise", "search"], watched, n_folds=3)
    assert chosen.tasks == ("sale", "search", "review")
    assert chosen.losses == tuple(loss(chosen.tasks, fold) for fold in range(3))
    kept = [each.tasks for each in chosen.tried if each.kept]
    assert kept == [("sale", "search"), ("sale", "search", "review")]
    assert len(asked) == len(set(asked)) == 3 * (1 + 4 + 3 + 2)


def test_a_gain_within_one_standard_error_is_no_gain() -> None:
    """Gains of 0, .06, -.03 over folds: a mean of .01, and a standard error of .026."""
    gains = (0.0, 0.06, -0.03)
    chosen = choose_tasks("a", ["b"], lambda t, fold: 1 - gains[fold] * ("b" in t), n_folds=3)
    assert chosen.tasks == ("a",)
    (tried,) = chosen.tried
    assert tried.gain == pytest.approx(0.01)
    assert tried.error == pytest.approx(0.0264575, rel=1e-4)
    steady = choose_tasks("a", ["b"], lambda t, fold: 1 - 0.01 * ("b" in t) + fold, n_folds=3)
    assert steady.tasks == ("a", "b")


def test_a_choice_without_folds_or_of_itself_is_refused() -> None:
    for helpers, n_folds in ((["b"], 1), (["a"], 3), (["b", "b"], 3)):
        with pytest.raises(TrainingError, match="2 folds"):
            choose_tasks("a", helpers, loss, n_folds)
