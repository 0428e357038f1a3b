"""What came of an experiment: sound where users came by chance, silent where they did not."""

import math

import numpy as np
import pytest

from scoring.experiments.results import Outcomes, Results, results
from scoring.experiments.sample_ratio import sample_ratio

SHARES = {"a": 0.5, "b": 0.5}


def users(seed: int, n: int = 400, lift: float = 0.0) -> dict[str, Outcomes]:
    """Users of whom some are far busier than others; b's buy more by `lift`."""
    rng = np.random.default_rng(seed)
    found = {}
    for number in range(n):
        variant = "ab"[int(rng.integers(2))]
        busy = rng.gamma(0.5, 4)
        bought = int(rng.poisson(busy * (1 + lift * (variant == "b"))))
        found[f"u{number}"] = Outcomes(variant, 0, lists=1 + bought, purchases=bought)
    return found


def verdicts(found: Results, measure: str) -> list[str | None]:
    return [row.verdict for row in found.rows if row.measure == measure and row.verdict]


def test_between_equal_variants_a_difference_is_seen_in_five_of_a_hundred() -> None:
    seen = sum(
        verdicts(results(users(seed), SHARES), "purchases a user") != ["not enough evidence"]
        for seed in range(400)
    )
    assert 8 <= seen <= 32, "expected are 20"


def test_a_difference_that_is_there_is_seen_and_has_its_sign() -> None:
    assert verdicts(results(users(1, 4000, lift=0.3), SHARES), "purchases a user") == ["higher"]
    swapped = {"b": 0.5, "a": 0.5}
    assert verdicts(results(users(1, 4000, lift=0.3), swapped), "purchases a user") == ["lower"]


def test_few_users_prove_nothing_however_far_apart_they_are() -> None:
    few = {
        f"{v}{n}": Outcomes(v, 0, purchases=100 * (v == "b") + n) for v in "ab" for n in range(20)
    }
    assert verdicts(results(few, SHARES), "purchases a user") == ["not enough evidence"]


def test_lost_users_of_one_variant_are_noticed_and_nothing_is_believed() -> None:
    """The busiest fifth of b is lost, as when long lists time out: a would look better."""
    every = users(2, 4000)
    busy = sorted((u for u in every if every[u].variant == "b"), key=lambda u: -every[u].purchases)
    left = {name: each for name, each in every.items() if name not in set(busy[: len(busy) // 5])}
    found = results(left, SHARES)
    assert found.ratio.is_mismatch
    assert set(verdicts(found, "purchases a user")) == {"not to be trusted"}
    assert not results(every, SHARES).ratio.is_mismatch


def test_the_chance_is_chi_squares() -> None:
    from scipy.stats import chisquare

    found = sample_ratio([520, 430, 50], [0.5, 0.4, 0.1])
    assert list(found.expected) == [500, 400, 100]
    assert found.chance == pytest.approx(chisquare([520, 430, 50], [500, 400, 100]).pvalue)
    assert math.isnan(sample_ratio([0, 0], [1, 1]).chance)
    assert sample_ratio([300, 100], [0.15, 0.05]).chance == 1.0, "only ratios of shares count"
