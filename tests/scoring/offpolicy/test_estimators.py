"""Estimators against all lists of a small shop: their mean over the log's lists is the truth.

No number is drawn: each estimator's terms are weighted by the exact probability of every list.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.offpolicy.cascade_dr import cascade_dr
from scoring.offpolicy.clipped_ips import clipped_ips
from scoring.offpolicy.direct_method import direct_method
from scoring.offpolicy.doubly_robust import doubly_robust
from scoring.offpolicy.iips import iips
from scoring.offpolicy.ips import ips
from scoring.offpolicy.pseudo_inverse import enumerated_weights, pseudo_inverse, uniform_weights
from scoring.offpolicy.rips import rips, self_normalised_rips
from scoring.offpolicy.snips import snips
from scoring.offpolicy.switch_dr import switch_dr
from scoring.offpolicy.terms import Terms
from tests.scoring.offpolicy.slate_shop import Shop, cascade, entangled, independent

SHOP = Shop()
ALL = np.array(SHOP.lists)
LOGGED, WANTED = SHOP.logged, SHOP.wanted
CHANCE = LOGGED.prod(axis=1)  # of each list in the log
RATIOS = WANTED / LOGGED
WEIGHTS = RATIOS.prod(axis=1)


def mean(terms: Terms) -> float:
    """The estimate from as many lists as there can be: each as often as the log draws it."""
    ratios = (CHANCE @ terms.numerators) / (CHANCE @ terms.denominators)
    return float(ratios.sum())


def every(chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same probabilities for each of the logged lists."""
    return np.tile(chances, (len(chances), 1))


def rough(rewards: NDArray[np.float64]) -> NDArray[np.float64]:
    """A model that is wrong, in a way of its own at each list."""
    return 0.5 * rewards + 0.3 * np.sin(np.arange(rewards.size)).reshape(rewards.shape)


def test_the_probabilities_are_those_of_all_lists() -> None:
    assert CHANCE.sum() == pytest.approx(1)
    assert CHANCE @ WEIGHTS == pytest.approx(1)


@pytest.mark.parametrize("model", [independent, cascade, entangled])
def test_list_weights_are_right_whatever_the_reader_does(model: object) -> None:
    rewards = SHOP.rewards(model).sum(axis=1)  # type: ignore[arg-type]
    truth = SHOP.truth(model)  # type: ignore[arg-type]
    wrong = rough(rewards)
    assert mean(ips(WEIGHTS, rewards)) == pytest.approx(truth)
    assert mean(snips(WEIGHTS, rewards)) == pytest.approx(truth)
    expected = np.full(len(ALL), (CHANCE * WEIGHTS) @ wrong)
    assert mean(doubly_robust(WEIGHTS, rewards, wrong, expected)) == pytest.approx(truth)
    assert mean(switch_dr(WEIGHTS, rewards, wrong, expected, 1e9)) == pytest.approx(truth)


def test_a_right_model_is_right_with_wrong_propensities() -> None:
    rewards = SHOP.rewards(cascade).sum(axis=1)
    expected = np.full(len(ALL), SHOP.truth(cascade))
    wrong = WEIGHTS * np.linspace(0.1, 3, len(ALL))
    assert mean(direct_method(expected)) == pytest.approx(SHOP.truth(cascade))
    assert mean(doubly_robust(wrong, rewards, rewards, expected)) == pytest.approx(
        SHOP.truth(cascade)
    )
    assert mean(ips(wrong, rewards)) != pytest.approx(SHOP.truth(cascade), rel=0.05)


def test_clipping_takes_away_just_what_is_above_the_limit() -> None:
    rewards = SHOP.rewards(cascade).sum(axis=1)
    limit = 1.2
    lost = CHANCE @ (np.maximum(WEIGHTS - limit, 0) * rewards)
    assert lost > 0.01
    assert mean(clipped_ips(WEIGHTS, rewards, limit)) == pytest.approx(SHOP.truth(cascade) - lost)


def test_a_switch_trusts_the_model_where_weights_are_large() -> None:
    rewards, limit = SHOP.rewards(cascade).sum(axis=1), 1.2
    wrong = rough(rewards)
    expected = np.full(len(ALL), (CHANCE * WEIGHTS) @ wrong)
    off = CHANCE @ np.where(WEIGHTS > limit, WEIGHTS * (rewards - wrong), 0)
    found = mean(switch_dr(WEIGHTS, rewards, wrong, expected, limit))
    assert found == pytest.approx(SHOP.truth(cascade) - off)
    assert mean(switch_dr(WEIGHTS, rewards, wrong, expected, 0)) == pytest.approx(expected[0])


@pytest.mark.parametrize("model", [independent, cascade])
def test_prefix_weights_are_right_for_lists_read_from_the_top(model: object) -> None:
    rewards = SHOP.rewards(model)  # type: ignore[arg-type]
    truth = SHOP.truth(model)  # type: ignore[arg-type]
    assert mean(rips(RATIOS, rewards)) == pytest.approx(truth)
    assert mean(self_normalised_rips(RATIOS, rewards)) == pytest.approx(truth)


def test_prefix_weights_are_wrong_where_what_is_below_matters() -> None:
    rewards = SHOP.rewards(entangled)
    assert mean(rips(RATIOS, rewards)) != pytest.approx(SHOP.truth(entangled), rel=0.01)


def test_marginal_weights_are_right_for_independent_items_only() -> None:
    wanted, logged = SHOP.marginals(SHOP.wanted_at), SHOP.marginals(SHOP.logged_at)
    ratios = (wanted / logged)[np.arange(SHOP.n_ranks), ALL]
    for model, holds in ((independent, True), (cascade, False)):
        found = mean(iips(ratios, SHOP.rewards(model)))
        assert (abs(found / SHOP.truth(model) - 1) < 1e-9) == holds


def test_a_cascade_of_corrections_is_right_with_any_model() -> None:
    """Q may depend on the item, its rank, and what is above; here also on what the target earns."""
    rewards = SHOP.rewards(cascade)
    table = np.random.default_rng(1).normal(size=(SHOP.n_ranks, len(SHOP.scores)))
    below = np.array([0.7, 0.3, 0.0])
    predicted = table[np.arange(SHOP.n_ranks), ALL] + below
    expected = np.zeros(ALL.shape)
    for at, items in enumerate(SHOP.lists):
        for rank in range(SHOP.n_ranks):
            for other, ps in zip(SHOP.lists, WANTED, strict=True):
                if other[:rank] == items[:rank]:
                    mass = ps[rank:].prod()
                    expected[at, rank] += mass * table[rank, other[rank]]
    found = mean(cascade_dr(RATIOS, rewards, predicted, expected + below))
    assert found == pytest.approx(SHOP.truth(cascade))
    nothing = np.zeros(ALL.shape)
    assert cascade_dr(RATIOS, rewards, nothing, nothing).value == rips(RATIOS, rewards).value


def test_a_pseudo_inverse_needs_only_the_reward_of_the_list() -> None:
    chance, wanted = LOGGED.prod(axis=1), WANTED.prod(axis=1)
    each = np.arange(len(ALL))
    weights = enumerated_weights(every(wanted), every(chance), ALL, each)
    whole = SHOP.rewards(independent).sum(axis=1)
    assert mean(pseudo_inverse(weights, whole)) == pytest.approx(SHOP.truth(independent))
    by_list = float(CHANCE @ (WEIGHTS * whole) ** 2)
    assert float(CHANCE @ (weights * whole) ** 2) < by_list  # what it is for


@pytest.mark.parametrize(("n_items", "n_ranks"), [(4, 3), (3, 3), (4, 1), (1, 1)])
def test_the_closed_form_of_uniform_lists_is_the_pseudo_inverse(n_items: int, n_ranks: int) -> None:
    shop = Shop(tuple(np.linspace(1, -1, n_items)), n_ranks)
    lists = np.array(shop.lists)
    uniform = np.full(len(lists), 1 / len(lists))
    wanted = shop.wanted.prod(axis=1)
    marginals = np.tile(shop.marginals(shop.wanted_at), (len(lists), 1, 1))
    np.testing.assert_allclose(
        uniform_weights(marginals, lists),
        enumerated_weights(every(wanted), every(uniform), lists, np.arange(len(lists))),
        atol=1e-9,
    )


def test_what_was_never_logged_has_no_pseudo_inverse() -> None:
    found = enumerated_weights(
        np.array([[0.5, 0.5], [1.0, 0.0]]),
        np.array([[1.0, 0.0]] * 2),
        np.array([[0], [1]]),
        np.array([0, 0]),
    )
    np.testing.assert_array_equal(found, [np.nan, 1.0])
