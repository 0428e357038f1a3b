"""Cross-entropy over a sample of the items, corrected for how the sample was drawn."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def sampled_softmax(
    states: Tensor,
    positives: Tensor,
    targets: Tensor,
    sample: Tensor,
    negatives: Tensor,
    log_q: Tensor,
) -> Tensor:
    """Mean over n events of ``-log(exp(s_y) / (exp(s_y) + Σ_m exp(s_m - log(M q_m))))``.

    An item's score is ``s_j = log Σ_k exp(s_k · v_j)``, as in `full_softmax`; of one interest it is
    the inner product.

    The logQ correction (Bengio & Senécal, 2008; Yi et al., RecSys 2019, section 4.1): an item drawn
    with probability q stands for 1 / (M q) items like it, so the sum has the expectation of the
    full one, and popular items are not punished for being drawn often. The target itself is there
    for certain, so it is not corrected, and is struck out where it was drawn as a negative as well.

    Args:
        states: (n, K, d) the interests that a user has after an event.
        positives: (n, d) vectors of the targets.
        targets: (n,) items that followed.
        sample: (M, d) vectors of the negatives.
        negatives: (M,) items drawn with replacement, the same for all events of a batch.
        log_q: (M,) log of the probability that one draw gives this item.
    """
    true = (states * positives[:, None]).sum(dim=2)  # (n, K)
    scores = states @ sample.T - (log_q + np.log(len(negatives)))  # (n, K, M)
    itself = (targets[:, None] == negatives)[:, None]  # (n, 1, M)
    scores = scores.masked_fill(itself, float("-inf"))  # (n, K, M)
    pairs = torch.cat([true, scores.flatten(1)], dim=1)  # (n, K + KM)
    return (pairs.logsumexp(dim=1) - true.logsumexp(dim=1)).mean()


class ItemSampler:
    """Draws items with a probability between uniform (power 0) and popularity (power 1).

    Attributes:
        log_q: (N,) log-probability of each item in one draw; -inf where it is never drawn.
    """

    def __init__(self, counts: NDArray[np.int64], power: float) -> None:
        """Items without any event are never drawn.

        Args:
            counts: (N,) how often each item is a target in training.
            power: Of the counts.
        """
        weights = np.where(counts > 0, np.power(np.maximum(counts, 1.0), power), 0.0)
        self._until = np.cumsum(weights / weights.sum())  # (N,)
        with np.errstate(divide="ignore"):
            self.log_q = torch.from_numpy(np.log(weights / weights.sum()).astype(np.float32))

    def draw(self, n_items: int, rng: np.random.Generator) -> Tensor:
        """(n_items,) items, with replacement."""
        drawn = np.searchsorted(self._until, rng.random(n_items), side="right")
        return torch.from_numpy(np.minimum(drawn, len(self._until) - 1))
