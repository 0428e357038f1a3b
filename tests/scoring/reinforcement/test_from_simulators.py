"""What a training on simulated shoppers begins from, and what it is told of rewards."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scoring.reinforcement.baselines import ValueBaseline
from scoring.reinforcement.episodes import roll
from scoring.reinforcement.from_simulators import begun, first_logs, recorded
from scoring.reinforcement.policy import NetworkPolicy, new_network
from scoring.reinforcement.settings import LearningSettings
from scoring.simulation import FEATURES, MODELS, RECORDED, Wares

SETTINGS = LearningSettings(slate_size=3, users=40, visits=4, width=8)
WARES = Wares.invented(30)
DWELL = len(FEATURES) + RECORDED.index("mean_dwell")


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


def test_what_the_log_says_of_items_is_near_their_truth_and_the_same_in_each_simulator() -> None:
    settings = LearningSettings(slate_size=3, users=120, visits=10)
    people = [MODELS[each](WARES, n_candidates=8) for each in ("examining", "cascading")]
    first, second = recorded(people, settings, 0)
    offers = [each.candidates() for each in (first, second)]
    rates = np.full((2, WARES.vectors.shape[0]), np.nan)
    for row, offer in enumerate(offers):
        rates[row, offer.places] = offer.features[
            :, :, len(FEATURES) + RECORDED.index("mean_dwell")
        ]
    both = ~np.isnan(rates).any(axis=0)
    assert (rates[0, both] == rates[1, both]).all()
    assert np.corrcoef(rates[0, both], WARES.qualities[both])[0, 1] > 0.6


@pytest.mark.parametrize("model", sorted(MODELS))
def test_chances_to_come_back_are_those_with_which_people_come_back(model: str) -> None:
    shoppers = MODELS[model](WARES, n_candidates=8)
    shoppers.reset(4_000, 5)
    for _ in range(2):
        here = shoppers.candidates().here
        seen = shoppers.react(shoppers.candidates().places[:, :3])
        assert (seen.stays[~here] == 0).all()
        luck = (~seen.left - seen.stays)[here]
        assert abs(luck.sum()) < 5 * luck.std() * np.sqrt(luck.size)
        assert 0.01 < seen.stays[here].std(), "a mood tells more than the mean"


def test_a_baseline_that_knows_how_users_are_explains_what_they_earn() -> None:
    shoppers = MODELS["examining"](WARES, n_candidates=8)
    nothing = NetworkPolicy(new_network(len(FEATURES), SETTINGS), 3, seed=1)
    seen, other = (roll(shoppers, nothing, 1_500, 1, seed, expected=True) for seed in (5, 6))
    rewards, strange = (torch.from_numpy(each.rewards[0]).float() for each in (seen, other))
    baseline = ValueBaseline(torch.from_numpy(seen.inner), rewards, torch.Generator())
    left = strange - baseline(torch.from_numpy(other.inner))
    assert left.var() < 0.9 * strange.var()
