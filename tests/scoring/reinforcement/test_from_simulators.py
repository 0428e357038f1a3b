"""What a training on simulated shoppers begins from, and what it is told of rewards."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.reinforcement.episodes import roll
from scoring.reinforcement.from_simulators import begun, first_logs
from scoring.reinforcement.policy import NetworkPolicy, new_network
from scoring.reinforcement.settings import LearningSettings
from scoring.simulation import FEATURES, MODELS, Wares

SETTINGS = LearningSettings(slate_size=3, users=40, visits=4, width=8)
WARES = Wares.invented(30)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_expected_rewards_are_those_of_the_same_visits_without_their_luck(model: str) -> None:
    shoppers = MODELS[model](WARES, n_candidates=8)
    nothing = new_network(len(FEATURES), SETTINGS)
    seen, expected = (
        roll(shoppers, NetworkPolicy(nothing, 3, seed=1), 3_000, 3, 5, expected=each)
        for each in (False, True)
    )
    assert (seen.places == expected.places).all()
    assert (seen.clicks == expected.clicks).all()
    luck = seen.rewards - expected.rewards
    assert abs(luck.sum()) < 5 * luck.std() * np.sqrt(luck.size)
    assert expected.item_rewards.var() < 0.2 * seen.item_rewards.var()


def test_own_lists_are_drawn_by_the_ranker_of_uniform_lists_for_other_people() -> None:
    shoppers = MODELS["examining"](WARES, n_candidates=8)
    uniform, own = first_logs([shoppers], SETTINGS, 0)
    first = own.visits == 0
    draws = NetworkPolicy(begun([uniform], SETTINGS, 0), SETTINGS.slate_size, seed=0)
    assert (draws(own.features[first]) == own.places[first]).all()
    assert own.features[0].tolist() != uniform.features[0].tolist()
