"""Ranks, hit rate and gain, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from scoring.errors import SequenceError
from scoring.sequence.batches import pad
from scoring.sequence.full_ranking import measures, ranks, tower_scorer
from scoring.sequence.sequences import Question, Sequences
from tests.scoring.sequence.made import tower, users


def fixed(*scores: float) -> object:
    def score(pasts: Sequences) -> Tensor:
        return torch.tensor([scores] * pasts.n_users, dtype=torch.float32)

    return score


def test_a_rank_counts_better_items_that_the_user_has_not_had() -> None:
    score = fixed(0.9, 0.8, 0.7, 0.6, 0.5)
    question = Question(users([1], [0, 1], [4]), np.array([3, 3, 0]))
    found = ranks(score, question, users_at_once=2)  # type: ignore[arg-type]
    assert found.tolist() == [3, 2, 1]


def test_ties_are_broken_by_row() -> None:
    question = Question(users([4], [4], [0]), np.array([0, 2, 2]))
    assert ranks(fixed(1, 1, 1, 0, 1), question).tolist() == [1, 3, 2]  # type: ignore[arg-type]


@pytest.mark.parametrize("scores", [(float("nan"),) * 3, (1.0, float("nan"), 0.0)])
def test_a_score_that_is_no_number_has_no_rank(scores: tuple[float, ...]) -> None:
    """It was the best of all: a model of no numbers had every hit."""
    question = Question(users([2]), np.array([0]))
    with pytest.raises(SequenceError, match="no number"):
        ranks(fixed(*scores), question)  # type: ignore[arg-type]


def test_hit_rate_and_gain_by_hand() -> None:
    """Ranks 1, 3, 10 and 11: gains 1, 1/2, 1/log2(11) and nothing."""
    found = measures(np.array([1, 3, 10, 11]))
    assert found["hr@10"] == pytest.approx(0.75)
    assert found["ndcg@10"] == pytest.approx((1 + 0.5 + 0.289065) / 4, abs=1e-6)
    assert measures(np.array([1, 3, 10, 11]), k=2)["hr@2"] == 0.25


def test_a_tower_is_asked_with_the_latest_events_it_can_read() -> None:
    model = tower(length=3)
    score = tower_scorer(model)
    long, short = score(users([5, 6, 7, 1, 2, 3])), score(users([1, 2, 3]))
    torch.testing.assert_close(long, short)


def test_of_several_interests_the_nearest_one_gives_an_item_its_score() -> None:
    model = tower(n_interests=3)
    asked = users([1, 2, 3], [4, 5])
    with torch.no_grad():
        interests, items = model(pad(asked)), model.item_space()
    scores = tower_scorer(model)(asked)
    for user, last in enumerate((2, 1)):
        by_hand = [max(float(one @ each) for one in interests[user, last]) for each in items]
        torch.testing.assert_close(scores[user], torch.tensor(by_hand))
    winners = (interests[0, 2] @ items.T).argmax(dim=0)
    assert len(winners.unique()) > 1
