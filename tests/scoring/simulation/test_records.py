"""What a log says of items: counted, drawn to the whole where it is thin, and nothing but a log."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.simulation import FEATURES, MODELS, RECORDED, RecordedShoppers, Records, Wares

WARES = Wares.invented(30)


def log_odds(rate: float) -> float:
    return float(np.log(rate / (1 - rate)))


def test_rates_are_counted_and_an_item_that_nobody_saw_is_like_all() -> None:
    # Item 0: 40 looks, 10 clicks, 5 purchases, 20 s each; item 1: 38 looks, nothing; item 2: none.
    places = np.repeat([0, 1], [40, 38])
    clicks, purchases = np.arange(78) < 10, np.arange(78) < 5
    found = Records.of(3, places, clicks, purchases, np.where(clicks, 20.0, 0.0)).columns
    clicked, bought = (10 + 1) / (78 + 2), (5 + 1) / (10 + 2)
    expected = np.array(
        [
            [log_odds((10 + 20 * clicked) / 60), log_odds((5 + 10 * bought) / 20), 0.0],
            [log_odds(20 * clicked / 58), log_odds(bought), 0.0],
            [log_odds(clicked), log_odds(bought), 0.0],
        ]
    )
    np.testing.assert_allclose(found, expected - expected.mean(axis=0), atol=1e-6)


def test_time_on_a_page_is_told_by_its_logarithm() -> None:
    clicks, dwell_s = np.ones(20, np.bool_), np.repeat([10.0, 40.0], 10)
    found = Records.of(2, np.repeat([0, 1], 10), clicks, ~clicks, dwell_s).columns[:, 2]
    np.testing.assert_allclose(found, np.array([-0.5, 0.5]) * np.log(2), atol=1e-6)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_records_are_added_to_offers_and_change_no_one(model: str) -> None:
    records = Records(np.arange(90, dtype=np.float32).reshape(30, 3))
    plain, population = (MODELS[model](WARES, n_candidates=6) for _ in range(2))
    known = RecordedShoppers(population, records)
    assert known.features == (*FEATURES, *RECORDED)
    for each in (plain, known):
        each.reset(40, 3)
        each.react(each.candidates().places[:, :3])
    offer, expected = known.candidates(), plain.candidates()
    assert (offer.features[:, :, : len(FEATURES)] == expected.features).all()
    assert (offer.features[:, :, -3:] == records.columns[expected.places]).all()
    assert (known.inner() == plain.inner()).all()
