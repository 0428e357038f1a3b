"""A tiny stream of rows whose truth is known, and heads to learn from it. Simulated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from scoring.online.examples import Examples
from scoring.ranker.heads import Heads
from scoring.ranker.network import HeadsNetwork

FEATURES = ("f0", "f1", "f2", "f3")


def some_heads(*, n_hidden: int = 1, n_codes: int = 16) -> Heads:
    """Untrained, the same each time."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = HeadsNetwork(4, 2, width=8, n_hidden=n_hidden, n_codes=n_codes, item_width=4)
    return Heads.of(FEATURES, ("ctr", "cvr"), network)


def rows_of(
    n: int, weights: NDArray[np.float64], seed: int, looked: tuple[float, ...] = ()
) -> Examples:
    """Rows that are clicked with the chance of a logistic model; a third of clicks are sales."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 4)).astype(np.float32)
    ranks = rng.integers(1, max(len(looked), 1) + 1, n)
    seen = np.array(looked or (1.0,))[ranks - 1]
    clicked = rng.random(n) < seen * expit(features @ weights)
    bought = clicked & (rng.random(n) < 1 / 3)
    targets = np.stack([clicked, bought], axis=1).astype(np.float32)
    return Examples(features, rng.integers(0, 16, n), targets, ranks)
