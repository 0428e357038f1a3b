"""Learning: bait pays more at once, what is good pays more in the end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from scoring.errors import RecipeError
from scoring.ranker.heads import Heads
from scoring.ranker.network import HeadsNetwork
from scoring.reinforcement.episodes import roll
from scoring.reinforcement.learner import Learner
from scoring.reinforcement.policy import NetworkPolicy, heads_of, new_network, worths
from scoring.reinforcement.returns import returns_to_go
from scoring.reinforcement.settings import TRIES, LearningSettings
from tests.scoring.reinforcement.bait_shop import BAIT, GOOD, N_ITEMS, BaitShop


def learned(**switches: Any) -> HeadsNetwork:
    settings = LearningSettings(
        **{
            "slate_size": 2,
            "rounds": 12,
            "users": 128,
            "visits": 12,
            "batch": 256,
            "width": 8,
            "hidden": 0,
            "learning_rate": 0.1,
            **switches,
        }
    )
    network = new_network(N_ITEMS, settings)
    learner, shop = Learner(network, settings, 0), BaitShop()
    n_tries = TRIES if settings.baseline == "leave-one-out" else 1
    for number in range(settings.rounds):
        tries = [
            roll(
                shop,
                NetworkPolicy(network, 2, seed=number * n_tries + place),
                settings.users // n_tries,
                settings.visits,
                number,
            )
            for place in range(n_tries)
        ]
        learner.learn([tries])
    return network


def chances(network: HeadsNetwork) -> np.ndarray[Any, np.dtype[np.float32]]:
    with torch.inference_mode():
        return worths(network, torch.eye(N_ITEMS)).softmax(0).numpy()


@pytest.mark.parametrize(
    "switches",
    [
        {"baseline": "leave-one-out"},
        {"baseline": "value"},
        {"baseline": "none", "entropy": 0.001, "divergence": 0.001},
        {"clip": 0.0, "bound": 0.05},
        {"credit": "top-k", "baseline": "leave-one-out"},
    ],
    ids=str,
)
def test_a_policy_that_looks_ahead_prefers_what_people_stay_for(switches: dict[str, Any]) -> None:
    p = chances(learned(**switches))
    assert p[list(GOOD)].sum() > 0.7 > 0.2 > p[list(BAIT)].sum()


def test_in_the_first_round_too_nobody_is_judged_by_what_she_earned() -> None:
    """V of a user who earns far more stays as it was; that of the other half has learned it."""
    settings = LearningSettings(slate_size=2, users=16, visits=6, width=8, hidden=0, trace=1.0)
    policy = NetworkPolicy(new_network(N_ITEMS, settings), 2, seed=3)
    seen = roll(BaitShop(), policy, settings.users, settings.visits, 5)
    rich = replace(seen, item_rewards=seen.item_rewards + 9.0 * (seen.users == 4)[:, None])
    values = []
    for episodes in (seen, rich):
        learner = Learner(new_network(N_ITEMS, settings), settings, 0)
        learner._units = [1.0]
        returns = returns_to_go(torch.from_numpy(episodes.rewards).float(), 1.0)
        values.append(returns - learner._advantages([episodes], 0)[0])  # trace 1: return less V
    torch.testing.assert_close(values[1][:, 4], values[0][:, 4], rtol=0, atol=1e-5)
    assert (values[1] - values[0]).abs()[0, 1::2].min() > 0.1


def test_a_policy_that_does_not_look_ahead_takes_the_bait() -> None:
    p = chances(learned(discount=0.0))
    assert p[list(BAIT)].sum() > 0.7


def test_a_weight_on_divergence_holds_it_where_it_began() -> None:
    free, held = chances(learned()), chances(learned(divergence=3.0))
    assert np.abs(held - 1 / N_ITEMS).max() < 0.3 * np.abs(free - 1 / N_ITEMS).max()


@pytest.mark.parametrize("credit", ["ranks", "top-k"])
def test_gradients_of_pieces_add_up_to_that_of_the_batch(
    credit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = chances(learned(rounds=1, credit=credit))
    monkeypatch.setattr("scoring.reinforcement.learner._PIECE", 37)  # 256 is no multiple of it
    np.testing.assert_allclose(chances(learned(rounds=1, credit=credit)), whole, rtol=1e-4)


def test_what_was_learned_travels_as_heads_whose_value_is_the_worth() -> None:
    network = learned(rounds=1)
    network.slopes.fill_(2.0)  # as after a supervised beginning: 1 / temperature
    names = tuple(f"is {place}" for place in range(N_ITEMS))
    heads = Heads.from_bytes(heads_of(network, names).to_bytes())
    rows = np.eye(N_ITEMS, dtype=np.float32)
    with torch.inference_mode():
        expected = worths(network, torch.from_numpy(rows)).numpy()
    np.testing.assert_allclose(heads.score(rows)[:, 0], expected, atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rounds": 0},
        {"discount": 1.5},
        {"learning_rate": 0.0},
        {"trace": 1.5},
        {"clip": -1.0},
        {"users": 1},
    ],
    ids=str,
)
def test_a_setting_out_of_its_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match=next(iter(wrong))):
        LearningSettings(**wrong)
