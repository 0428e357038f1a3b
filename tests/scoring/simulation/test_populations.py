"""What every choice model keeps to: its truth is what happens, its luck is by address."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from scoring.simulation import CascadingShoppers, ChoosingShoppers, ExaminingShoppers, Wares
from scoring.simulation.population import Population

MODELS = (ExaminingShoppers, CascadingShoppers, ChoosingShoppers)
WARES = Wares.invented(40, seed=3)


def crowd(model: type[Population], n_users: int, seed: int = 0) -> Population:
    population = model(WARES, n_candidates=12)
    population.reset(n_users, seed)
    return population


def lists(population: Population, size: int = 6) -> np.ndarray:
    """The first of what is offered, in an order that differs between users."""
    offer = population.candidates()
    turned = [np.roll(row, user)[:size] for user, row in enumerate(offer.places)]
    return np.stack(turned)


@pytest.mark.parametrize("model", MODELS)
def test_what_happens_is_what_the_truth_says(model: type[Population]) -> None:
    """After two visits, so that moods differ. 5 standard errors: it fails where truth is not."""
    population = crowd(model, 5_000)
    for _ in range(2):
        population.react(lists(population))
    slates = lists(population)
    slates[::3, -2:] = -1
    true, expected = population.chances(slates), population.expected_reward(slates)
    seen = population.react(slates)
    for chances, happened in (
        (true.examined, seen.examined),
        (true.clicked, seen.clicks),
        (true.carted, seen.carts),
        (true.bought, seen.purchases),
    ):
        error = np.sqrt((chances * (1 - chances)).sum(axis=0)) + 1e-9
        assert (np.abs(happened.sum(axis=0) - chances.sum(axis=0)) <= 5 * error).all()
    for means, sums in (
        (expected, seen.reward),
        (true.dwell_s.sum(axis=1), seen.dwell_s.sum(axis=1)),
    ):
        assert abs(sums.mean() - means.mean()) < 5 * sums.std() / math.sqrt(len(slates))


@pytest.mark.parametrize("model", MODELS)
def test_only_what_is_looked_at_is_clicked_and_only_what_is_in_the_cart_is_bought(
    model: type[Population],
) -> None:
    population = crowd(model, 3_000)
    slates = lists(population)
    slates[:, 3] = -1
    seen = population.react(slates)
    assert seen.clicks.any()
    assert seen.purchases.any()
    assert not (seen.clicks & ~seen.examined).any()
    assert not (seen.carts & ~seen.clicks).any()
    assert not (seen.purchases & ~seen.carts).any()
    assert not seen.examined[:, 3].any()
    assert (seen.dwell_s > 0).tolist() == seen.clicks.tolist()
    assert (np.isinf(seen.days) == seen.left).all()


@pytest.mark.parametrize("model", MODELS)
def test_the_same_seed_gives_the_same_population_whoever_else_is_asked(
    model: type[Population],
) -> None:
    together, alone, other = crowd(model, 60), crowd(model, 60), crowd(model, 60, seed=1)
    slates = lists(together)
    alone.candidates()
    for _ in range(2):
        at_once = together.react(slates)
        for users in np.split(np.random.default_rng(5).permutation(60), 4):
            part = alone.react(slates[users], users)
            for name in ("clicks", "purchases", "dwell_s", "days", "left"):
                assert (getattr(part, name) == getattr(at_once, name)[users]).all()
    assert (together.candidates().features == alone.candidates().features).all()
    assert not (other.candidates().places == crowd(model, 60).candidates().places).all()


@pytest.mark.parametrize("model", MODELS)
def test_who_has_left_does_nothing_any_more(model: type[Population]) -> None:
    population = crowd(model, 300)
    for _ in range(10):
        gone = population.react(lists(population)).left
    slates = lists(population)
    assert gone.any()
    assert not gone.all()
    assert (population.candidates().here == ~gone).all()
    assert ((population.expected_reward(slates) == 0) == gone).all()
    after = population.react(slates)
    assert after.left[gone].all()
    assert not after.examined[gone].any()
    assert not after.reward[gone].any()
    assert after.examined[~gone].any()


@pytest.mark.parametrize("model", MODELS)
def test_clickbait_is_clicked_more_and_keeps_fewer(model: type[Population]) -> None:
    """The long term is real: what looks good and is not earns clicks and loses people."""
    clicked, kept = {}, {}
    for name, sign in (("bait", 1.0), ("gold", -1.0)):
        population = crowd(model, 1_500)
        order = np.argsort(-sign * (WARES.lures - WARES.qualities))[:12]
        n_clicks = 0.0
        for visit in range(5):
            slate = np.roll(order, 5 * visit)[:5]
            slates = np.tile(slate, (1_500, 1))
            if visit == 0:
                n_clicks = population.chances(slates).clicked.sum()
            population.react(slates)
        clicked[name] = n_clicks
        kept[name] = population.candidates().here.mean()
    assert clicked["bait"] > 1.2 * clicked["gold"]
    assert kept["bait"] < 0.9 * kept["gold"]


@pytest.mark.parametrize("slates", [[[1, 1]], [[0, 40]], [[0, -2]], [[1, 2], [3, 4]]], ids=str)
def test_a_list_that_cannot_be_shown_is_refused(slates: list[list[int]]) -> None:
    with pytest.raises(ValueError, match=r"twice|places|shape"):
        crowd(ExaminingShoppers, 1).react(np.array(slates))


def test_the_position_based_reward_is_that_of_an_enumeration() -> None:
    """Two ranks, each unseen, seen, clicked, carted or bought: 25 outcomes in plain Python."""
    population = crowd(ExaminingShoppers, 1)
    slates = lists(population, size=2)
    look = population._look(slates, None)
    rows = []
    for rank in (0, 1):
        looks = (rank + 1) ** -0.5
        wants = 1 / (
            1
            + math.exp(
                -(
                    -2.8
                    + 2.5 * look.match[0, rank]
                    + 0.9 * look.lure[0, rank]
                    - 0.5 * population.habits.price_slope * look.dear[0, rank]
                )
            )
        )
        cart = 1 / (1 + math.exp(-(-1.2 + 1.5 * look.joy[0, rank])))
        dear = population.habits.price_slope * look.dear[0, rank]
        buy = sigma(0.2 + population._eager[0] + 1.5 * look.joy[0, rank] - dear)
        minutes = 20 * math.exp(0.8 * look.joy[0, rank]) * math.exp(0.7**2 / 2) / 60
        dwelt = 0.1 + 0.02 * minutes
        rows.append(
            [
                (1 - looks, 0.0),
                (looks * (1 - wants), 0.0),
                (looks * wants * (1 - cart), dwelt),
                (looks * wants * cart * (1 - buy), dwelt + 0.2),
                (looks * wants * cart * buy, dwelt + 1.2),
            ]
        )
    outcomes = list(itertools.product(*rows))
    assert sum(first[0] * second[0] for first, second in outcomes) == pytest.approx(1)
    expected = sum(first[0] * second[0] * (first[1] + second[1]) for first, second in outcomes)
    assert population.expected_reward(slates)[0] == pytest.approx(expected)


def test_a_list_of_one_category_tires() -> None:
    population = ExaminingShoppers(WARES)
    population.reset(500, 0)
    same = np.flatnonzero(WARES.kinds == np.bincount(WARES.kinds).argmax())[:4]
    slates = np.tile(same, (500, 1))
    before = population.chances(slates).clicked.sum()
    population.react(slates)
    here = np.flatnonzero(population.candidates().here)
    population._exposure[:] = 0.0  # the mood left out
    assert population.chances(slates[here], here).clicked.sum() < 0.8 * before * len(here) / 500


def test_the_cascade_is_that_of_an_enumeration() -> None:
    """Three ranks; at each: clicked or not, satisfied or not, reading on or not."""
    population = CascadingShoppers(WARES)
    population.reset(24, 2)
    for _ in range(2):  # so that trust, tiredness and what was bought are those of a life
        population.react(lists(population, size=3))
    slates = lists(population, size=3)
    slates[::2] = np.flatnonzero(WARES.kinds == np.bincount(WARES.kinds).argmax())[:3]
    slates[1, 2] = slates[3, 1] = -1
    look = population._look(slates, None)
    assert look.here[::2].any()
    assert look.here[1:5:2].any()
    looked = np.zeros(slates.shape)
    clicked = np.zeros(slates.shape)
    for user in np.flatnonzero(look.here):
        goes_on = sigma(1.7 + 1.2 * (2 * population.trust[user] - 1))
        for events in itertools.product(*[list(itertools.product((0, 1), repeat=3))] * 3):
            p, at = 1.0, []
            for rank, (click, sated, on) in enumerate(events):
                place = slates[user, rank]
                above = [WARES.kinds[other] for other in slates[user, :rank] if other >= 0]
                wants = sigma(
                    -2.4
                    + 2.5 * look.match[user, rank]
                    + 0.9 * look.lure[user, rank]
                    - 0.5 * population.habits.price_slope * look.dear[user, rank]
                    + population.habits.again * look.again[user, rank]
                    - 0.3 * look.tired[user, rank]
                    - 0.5 * above.count(WARES.kinds[place])
                )
                wants = wants if place >= 0 else 0.0
                sates = sigma(2 * look.joy[user, rank])
                p *= (wants if click else 1 - wants) * (sates if sated else 1 - sates)
                p *= goes_on if on else 1 - goes_on
                at.append((click, sated, on))
            for rank, (click, sated, on) in enumerate(at):
                if slates[user, rank] >= 0:
                    looked[user, rank] += p
                    clicked[user, rank] += p * click
                if (click and sated) or not on:
                    break
    true = population.chances(slates)
    assert true.examined == pytest.approx(looked)
    assert true.clicked == pytest.approx(clicked)


def test_the_logit_is_that_of_an_enumeration() -> None:
    """Three items and nothing, chosen from once, twice or three times: all sequences."""
    population = ChoosingShoppers(WARES)
    population.reset(4, 1)
    population.react(lists(population, size=3))
    slates = lists(population, size=3)
    look = population._look(slates, None)
    expected = np.zeros(slates.shape)
    for user in np.flatnonzero(look.here):
        weights = [
            math.exp(
                -2.4
                + 2.5 * look.match[user, rank]
                + 0.9 * look.lure[user, rank]
                - population.habits.price_slope * look.dear[user, rank]
                + population.habits.again * look.again[user, rank]
                - 0.5 * look.tired[user, rank]
                - 0.4 * math.log(rank + 1)
            )
            for rank in range(3)
        ] + [1.0]
        on = sigma(population._mood[user])
        for n_rounds, p_rounds in ((1, 1 - on), (2, on * (1 - on)), (3, on * on)):
            for chosen in itertools.product(range(4), repeat=n_rounds):
                p = p_rounds * math.prod(weights[one] / sum(weights) for one in chosen)
                for rank in set(chosen) - {3}:
                    expected[user, rank] += p
    assert population.chances(slates).clicked == pytest.approx(expected)


def test_what_costs_more_than_the_purse_holds_is_not_bought() -> None:
    population = ChoosingShoppers(WARES)
    population.reset(3, 0)
    slates = lists(population, size=3)
    price = np.exp(WARES.log_prices[slates])
    population._purse[:] = np.median(price, axis=1)
    bought = population.chances(slates).bought
    assert (bought > 0).tolist() == (price <= np.median(price, axis=1)[:, None]).tolist()


def sigma(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))
