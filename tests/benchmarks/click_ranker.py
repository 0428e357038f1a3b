"""A small learned ranker: features of a query and all products -> a softmax over the products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Features = NDArray[np.float32]  # (U, N, F)
Scores = NDArray[np.float32]  # (U, N)

_BATCH = 64


@dataclass(frozen=True, slots=True)
class RankerSettings:
    """What is chosen on validation searches.

    Attributes:
        hidden: Units beside the linear part; 0 = none.
        epochs: Passes over the queries.
    """

    hidden: int
    epochs: int


CHOICES = tuple(RankerSettings(hidden, epochs) for hidden in (0, 16) for epochs in (20, 60))


class Ranker(nn.Module):
    """A linear part, and a layer beside it, the same for all products."""

    def __init__(self, n_features: int, hidden: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_features, 1, bias=False)
        self.curved = (
            nn.Sequential(nn.Linear(n_features, hidden), nn.ReLU(), nn.Linear(hidden, 1))
            if hidden
            else None
        )

    def forward(self, features: Tensor) -> Tensor:
        """(B, N, F) -> (B, N)."""
        scores = self.linear(features)
        if self.curved is not None:
            scores = scores + self.curved(features)
        found: Tensor = scores.squeeze(-1)
        return found


def ranked(
    features: Features,
    clicks: NDArray[np.float64],
    asked: Features,
    settings: RankerSettings,
    seeds: Sequence[int],
) -> Scores:
    """Learn from some queries, score others. A query counts as often as it is asked.

    Args:
        features: Of the queries that are learned.
        clicks: (U, N) their clicks; a query without one is left out.
        asked: Of the others.
        settings: Chosen beforehand.
        seeds: The mean of so many rankers' log probabilities.
    """
    mean, spread = features.mean(axis=(0, 1)), features.std(axis=(0, 1)) + 1e-6
    x, others = (torch.from_numpy((each - mean) / spread) for each in (features, asked))
    n = torch.from_numpy(clicks.sum(axis=1)).float()  # (U,)
    shares = torch.from_numpy(clicks).float() / n.clamp_min(1)[:, None]
    known = torch.nonzero(n)[:, 0]
    total = torch.zeros(others.shape[:2])
    for seed in seeds:
        torch.manual_seed(seed)
        ranker = Ranker(features.shape[2], settings.hidden)
        optimizer = torch.optim.AdamW(ranker.parameters(), lr=4e-3, weight_decay=1e-2)
        for _ in range(settings.epochs):
            for rows in torch.split(known[torch.randperm(len(known))], _BATCH):
                losses = -(shares[rows] * ranker(x[rows]).log_softmax(dim=1)).sum(dim=1)
                loss = (losses * n[rows]).sum() / n[rows].sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        with torch.no_grad():
            total += ranker(others).log_softmax(dim=1)
    return (total / len(seeds)).numpy()
