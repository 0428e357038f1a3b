"""Learning from a log of what was shown: sums over what was not, and what people stay for."""

from __future__ import annotations

from itertools import permutations

import msgspec
import numpy as np
import pytest
import torch

from scoring.errors import RecipeError, RowsError
from scoring.joined_log import JoinedLog
from scoring.reinforcement.cloning import first_draws
from scoring.reinforcement.from_log import begun_on, des_raj, known_of_users, learn_on
from scoring.reinforcement.logged import LoggedLists, later_rewards
from scoring.reinforcement.plackett_luce import log_probabilities_without_rules
from scoring.reinforcement.policy import worths
from scoring.reinforcement.recipe import PolicyRecipe
from scoring.reinforcement.settings import LearningSettings
from tests.scoring.reinforcement.bait_shop import BAIT, GOOD, N_ITEMS, bait_log

HOUR_MS = 3_600_000


def test_what_was_not_shown_is_estimated_without_bias() -> None:
    """Over every list that the logging policy may have drawn, the mean is the sum of all."""
    every = torch.tensor(list(permutations(range(5), 3)))
    logging = torch.tensor([0.5, -1.0, 0.2, 0.0, 1.2], dtype=torch.float64).expand(60, 5)
    weights = torch.tensor([1.0, 4.0, 0.3, 2.0, 0.7], dtype=torch.float64)
    logged = log_probabilities_without_rules(logging, every)
    free = torch.ones_like(every, dtype=torch.bool)
    found = des_raj(weights[every], logged, free)[:, 0]
    assert float((logged.sum(1).exp() * found).sum()) == pytest.approx(float(weights.sum()))


def test_later_lists_of_a_user_count_less_by_visit_and_not_within_one() -> None:
    rewards = np.array([1.0, 10.0, 2.0, 4.0])
    users = np.array(["a", "b", "a", "a"], object)
    at_ms = np.array([0, 1, 10 * HOUR_MS, 10 * HOUR_MS + 1_000])
    assert later_rewards(rewards, users, at_ms, 0.5, 1_800).tolist() == [3.0, 0.0, 4.0, 0.0]
    assert later_rewards(rewards, users, at_ms, 0.5, 0).tolist() == [2.0, 0.0, 2.0, 0.0]


@pytest.mark.parametrize("credit", ["ranks", "top-k"])
@pytest.mark.parametrize(("discount", "wins", "loses"), [(1.0, GOOD, BAIT), (0.0, BAIT, GOOD)])
def test_a_log_of_uniform_lists_teaches_what_people_stay_for(
    credit: str, discount: float, wins: tuple[int, ...], loses: tuple[int, ...]
) -> None:
    settings = LearningSettings(
        rounds=15,
        batch=256,
        width=8,
        hidden=0,
        learning_rate=0.1,
        discount=discount,
        begin="uniform",
        credit=credit,  # type: ignore[arg-type]
    )
    log = LoggedLists.of(bait_log(2_000), discount, 1_800)
    network = begun_on(log, settings, 0)
    passes = list(learn_on(log, network, settings, 0))
    with torch.inference_mode():
        p = worths(network, torch.eye(N_ITEMS)).softmax(0).numpy()
    assert p[list(wins)].sum() > 0.6 > 0.3 > p[list(loses)].sum()
    assert passes[-1].effective < passes[0].effective <= 1


def test_what_is_known_of_a_user_is_taken_off_and_what_was_chosen_is_not() -> None:
    """A column that says how much a user spends, beside those that say what was shown."""
    log = bait_log(200)
    rich = np.array([hash_ % 2 for hash_ in map(len, log.user_id)], np.float32)
    spent = JoinedLog(
        **{
            name: getattr(log, name)
            for name in log.__slots__
            if name not in {"features", "feature_names", "dwell_ms"}
        },
        features=np.column_stack([log.features, rich]),
        feature_names=(*log.feature_names, "rich"),
        dwell_ms=(rich * 6_000_000).astype(np.int64),
    )
    lists = LoggedLists.of(spent, 0.0, 1_800)
    known = known_of_users(lists)
    is_rich = lists.features[:, 0, -1] > 0
    assert known[is_rich].std() < 1e-4
    assert float(known[is_rich].mean() - known[~is_rich].mean()) == pytest.approx(2.0, abs=0.1)


def test_a_log_that_nobody_drew_teaches_nothing() -> None:
    log = bait_log(20)
    certain = JoinedLog(
        **{name: getattr(log, name) for name in log.__slots__ if name != "propensity"},
        propensity=np.ones(len(log)),
    )
    with pytest.raises(RowsError, match="RILLSTREAM_DRAW=softmax"):
        LoggedLists.of(certain, 1.0, 1_800)


def test_the_probability_of_a_first_draw_is_that_of_the_softmax() -> None:
    every = torch.tensor(list(permutations(range(4), 3)))
    worth = torch.tensor([0.5, -1.0, 0.2, 1.2], dtype=torch.float64)
    logged = log_probabilities_without_rules(worth.expand(24, 4), every)
    found = first_draws(logged, torch.ones_like(every, dtype=torch.bool))
    torch.testing.assert_close(found, worth.log_softmax(0)[every])


def test_a_policy_that_begins_from_the_log_begins_with_the_policy_that_made_it() -> None:
    """Scores of two columns, drawn by a softmax of a temperature; pins say nothing of it."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(600, 150, 3)).astype(np.float32)
    worth = torch.from_numpy(1.5 * features[..., 0] - features[..., 1])
    order = (worth + torch.from_numpy(rng.gumbel(size=(600, 150)))).argsort(dim=1, descending=True)
    order = order[:, :4]
    logged = log_probabilities_without_rules(worth, order).float()
    free = torch.ones(600, 4, dtype=torch.bool)
    logged[::7, 2], free[::7, 2] = 0.0, False
    shown = torch.from_numpy(features).gather(1, order[:, :, None].expand(-1, -1, 3))
    none = torch.zeros(600, 4)
    log = LoggedLists(shown, logged, free, free, none, none, none, torch.zeros(600))
    network = begun_on(log, LearningSettings(begin="logged", width=16), 0)
    with torch.inference_mode():
        found = worths(network, shown)
    expected = worth.log_softmax(1).gather(1, order).float()
    error = float((found - expected)[free].square().mean().sqrt())
    assert error < 0.4 < 0.9 < float(expected.std()), "the level of a list is in no column here"


def test_training_ends_where_the_log_could_no_longer_prove_it() -> None:
    log = LoggedLists.of(bait_log(2_000), 1.0, 1_800)
    settings = LearningSettings(
        rounds=15, batch=256, width=8, hidden=0, learning_rate=0.1, begin="uniform"
    )
    network = begun_on(log, settings, 0)
    whole = list(learn_on(log, network, settings, 0))
    bound = whole[4].effective
    some = msgspec.structs.replace(settings, least_effective=bound + 1e-6)
    ended = list(learn_on(log, begun_on(log, some, 0), some, 0))
    assert ended == whole[: len(ended)]
    assert ended[-1].effective <= bound < min(each.effective for each in ended[:-1])


def test_a_policy_cannot_begin_from_a_log_that_there_is_not() -> None:
    with pytest.raises(RecipeError, match="there is no log"):
        PolicyRecipe(learning=LearningSettings(begin="logged"))
