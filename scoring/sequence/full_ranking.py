"""Where the item that really came next stands among all items; HR and NDCG."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.errors import SequenceError
from scoring.list_measures import discounts
from scoring.sequence.batches import pad
from scoring.sequence.sequences import Question, Sequences
from scoring.sequence.tower import SequenceTower, last_states

Scorer = Callable[[Sequences], Tensor]
"""Pasts of b users -> (b, N) scores of all items; the caller may write into them."""


def ranks(
    score: Scorer,
    question: Question,
    *,
    users_at_once: int = 256,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.int64]:
    """Rank of each target among all items that the user has not had, from 1; ties by row.

    Full ranking, nothing sampled (Krichene & Rendle, KDD 2020: sampled measures can put models into
    another order). What a user has had is left out, as Klenitskiy & Vasilev (RecSys 2023) do.

    Args:
        score: Of what.
        question: Q users with what they have done, and their targets.
        users_at_once: Of one call of `score`.
        progress: Called with (users done, Q).

    Raises:
        SequenceError: A score is no number: nothing stands above or below it.
    """
    found = np.empty(len(question.targets), np.int64)
    for start in range(0, len(found), users_at_once):
        users = np.arange(start, min(start + users_at_once, len(found)))
        pasts = question.pasts.select(users)
        scores = score(pasts)  # (b, N)
        if scores.isnan().any():
            raise SequenceError("a score is no number: the weights are none, train it again")
        targets = torch.from_numpy(question.targets[users])[:, None]  # (b, 1)
        wanted = scores.gather(1, targets)  # (b, 1)
        owners = np.repeat(np.arange(len(users)), pasts.lengths)
        scores[torch.from_numpy(owners), torch.from_numpy(pasts.items)] = float("-inf")
        better = (scores > wanted).sum(dim=1)  # (b,)
        equal = scores == wanted  # (b, N)
        first = torch.arange(scores.shape[1]) < targets  # (b, N)
        found[users] = (1 + better + (equal & first).sum(dim=1)).numpy()
        if progress is not None:
            progress(int(users[-1]) + 1, len(found))
    return found


def measures(found: NDArray[np.int64], k: int = 10) -> Mapping[str, float]:
    """HR@k, the share of ranks up to k, and NDCG@k = mean of 1 / log2(1 + rank) for these.

    Args:
        found: (Q,) ranks from 1; one right answer each, so the best NDCG of a user is 1.
        k: Length of the list.
    """
    hit = found <= k
    gain = np.where(hit, discounts(k)[np.minimum(found, k) - 1], 0.0)
    return {f"hr@{k}": float(hit.mean()), f"ndcg@{k}": float(gain.mean())}


def tower_scorer(tower: SequenceTower) -> Scorer:
    """Scores of a tower as it is now; set it to evaluation mode before.

    Of several interests the one nearest to an item gives its score, as where an index is asked with
    each of them.
    """
    with torch.no_grad():
        items = tower.item_space().detach()  # (N, e)

    def score(pasts: Sequences) -> Tensor:
        events = pad(pasts.last(tower.settings.length))
        with torch.no_grad():
            interests = last_states(tower(events), events.lengths)  # (b, K, e)
            scores = interests[:, 0] @ items.T  # (b, N)
            for place in range(1, interests.shape[1]):
                torch.maximum(scores, interests[:, place] @ items.T, out=scores)
            return scores

    return score
