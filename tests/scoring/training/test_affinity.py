"""Affinities of losses whose lookahead is worked out by hand, and the groups that follow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from scoring.errors import TrainingError
from scoring.training.adversarial import adversarial_losses
from scoring.training.affinity import Affinity, best_groups, mean_affinity, task_affinity


def test_affinities_by_hand() -> None:
    """L_a = θ0² and L_b = (θ0 + 1)², θ0 = 1: slopes 2 and 4, a step of 0.1 goes to 0.8 and 0.6."""
    theta = nn.Parameter(torch.tensor(1.0))

    def losses() -> dict[str, Tensor]:
        return {"a": theta.square(), "b": (theta + 1).square()}

    found = task_affinity(losses, [theta], rate=0.1)
    assert found.tasks == ("a", "b")
    expected = [[1 - 0.64, 1 - 1.8**2 / 4], [1 - 0.36, 1 - 1.6**2 / 4]]
    np.testing.assert_allclose(found.gains, expected, rtol=1e-5)


def test_tasks_that_pull_apart_have_negative_affinity() -> None:
    theta = nn.Parameter(torch.tensor(0.0))
    found = task_affinity(
        lambda: {"a": (theta - 1).square(), "b": (theta + 1).square()}, [theta], rate=0.05
    )
    assert found.gains[0, 1] < 0
    assert found.gains[1, 0] < 0
    assert found.gains[0, 0] > 0


def test_everything_is_as_it_was_and_dropout_the_same_in_all_passes() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 64), nn.Dropout(0.5), nn.Linear(64, 2))
    x = torch.randn(8, 4)

    def losses() -> dict[str, Tensor]:
        out = model(x).square().mean(dim=0)
        return {"a": out[0], "b": out[1]}

    before = {name: value.clone() for name, value in model.state_dict().items()}
    still = task_affinity(losses, list(model[0].parameters()), rate=1e-12)
    np.testing.assert_allclose(still.gains, 0, atol=1e-6)
    dice = torch.get_rng_state()
    task_affinity(losses, list(model[0].parameters()), rate=0.5)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    after = torch.get_rng_state()
    torch.set_rng_state(dice)
    losses()
    assert torch.equal(torch.get_rng_state(), after), "as after one pass"


def test_losses_that_attack_their_input_look_ahead_too() -> None:
    """FGM asks for gradients of its own in each pass; of |s·θ| the attack is known by hand.

    s = 1, θ = 1: the attacked input is 1.5, so the loss is (1 + 1.5) / 2 · θ, its slope 1.25.
    """
    embedding, theta = nn.Embedding(1, 1), nn.Parameter(torch.tensor(1.0))
    nn.init.ones_(embedding.weight)

    def losses() -> dict[str, Tensor]:
        def plain() -> dict[str, Tensor]:
            return {"a": (embedding(torch.tensor([0])) * theta).abs().sum()}

        return adversarial_losses(embedding, plain, epsilon=0.5)

    found = task_affinity(losses, [theta], rate=0.1)
    assert found.gains.item() == pytest.approx(0.125)


def test_frozen_and_unreached_parameters_do_not_move() -> None:
    theta, other = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(2.0))
    frozen = nn.Parameter(torch.tensor(3.0), requires_grad=False)
    found = task_affinity(
        lambda: {"a": theta.square() + frozen, "b": other.square()}, [theta, frozen, other], 0.1
    )
    assert found.gains[0, 1] == found.gains[1, 0] == 0


def test_losses_that_cannot_be_compared_are_refused() -> None:
    theta = nn.Parameter(torch.tensor(1.0))
    with pytest.raises(TrainingError, match="above 0"):
        task_affinity(lambda: {"a": theta - 1}, [theta], 0.1)
    with pytest.raises(TrainingError, match="reaches"):
        task_affinity(lambda: {"a": theta.square()}, [nn.Parameter(torch.zeros(2))], 0.1)


def test_affinities_are_averaged_over_batches_of_the_same_tasks() -> None:
    first, second = Affinity(("a",), np.array([[0.2]])), Affinity(("a",), np.array([[0.4]]))
    assert mean_affinity([first, second]).gains.tolist() == pytest.approx(np.array([[0.3]]))
    with pytest.raises(TrainingError, match="same tasks"):
        mean_affinity([first, Affinity(("b",), np.array([[0.4]]))])


def test_groups_keep_together_what_helps_and_apart_what_hurts() -> None:
    """Tasks a, b help each other; c, d, too; across, they hurt. And e hurts whomever it joins."""
    gains = np.full((5, 5), -0.1)
    gains[0, 1] = gains[1, 0] = gains[2, 3] = gains[3, 2] = 0.2
    gains[4, :], gains[:, 4] = -1.0, 0.05
    affinity = Affinity(tuple("abcde"), gains)
    assert best_groups(affinity, 3) == (("a", "b"), ("c", "d"), ("e",))
    assert best_groups(affinity, 9) == (("a", "b"), ("c", "d"), ("e",))
    assert best_groups(affinity, 1) == (tuple("abcde"),)
    with pytest.raises(TrainingError, match="1 or more"):
        best_groups(affinity, 0)


def test_a_group_of_three_is_judged_by_means() -> None:
    """Sums would keep c, which lowers the mean of its group: 0.2, 0.2 against 0.15, 0.15, 0."""
    gains = np.array([[0, 0.2, 0], [0.2, 0, 0], [0.1, 0.1, 0]])
    assert best_groups(Affinity(tuple("abc"), gains), 2) == (("a", "b"), ("c",))
