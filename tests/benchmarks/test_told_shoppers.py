"""Offers that hold the truth: of an item alone in a list, and nothing else is changed."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.simulation import FEATURES, MODELS, Wares
from tests.benchmarks.told_shoppers import ToldShoppers, column

WARES = Wares.invented(30)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_what_is_told_of_an_item_is_what_a_list_of_it_alone_would_bring(model: str) -> None:
    plain, population = (MODELS[model](WARES, n_candidates=6) for _ in range(2))
    told = ToldShoppers(population)
    for each in (plain, told):
        each.reset(40, 3)
        each.react(each.candidates().places[:, :3])
    here = np.flatnonzero(plain.candidates().here)[::2]
    offer, expected = told.candidates(here), plain.candidates(here)
    assert (offer.features[:, :, : len(FEATURES)] == expected.features).all()
    assert (offer.places == expected.places).all()
    for rank in range(6):
        alone = offer.places[:, rank : rank + 1]
        rewards = plain.expected_reward(alone, here)
        np.testing.assert_allclose(column(offer.features, "reward")[:, rank], rewards, rtol=1e-6)
        bought = plain.chances(alone, here).bought[:, 0]
        np.testing.assert_allclose(column(offer.features, "purchase")[:, rank], bought, rtol=1e-6)
