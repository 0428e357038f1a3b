"""The policy that made a log, as a network: learning that begins there begins near its evidence."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from scoring.ranker.network import HeadsNetwork
from scoring.reinforcement.logged import LoggedLists
from scoring.reinforcement.one_cycle import one_cycle
from scoring.reinforcement.policy import worths

EPOCHS: Final = 60
_BATCH: Final = 256
_LEARNING_RATE: Final = 5e-3
_TINY: Final = 1e-12


def first_draws(logged: Tensor, free: Tensor) -> Tensor:
    """(B, n) log probability that each shown item had at the first rank, from that at its own.

    Of a softmax without caps, `p_k = q_k / (1 - Σ_(j<k) q_j)`, and so
    `q_k = p_k Π_(j<k) (1 - p_j)`: its worth but for a number that is the list's (Plackett-Luce).

    Args:
        logged: (B, n) log propensities.
        free: (B, n) bool, which ranks were drawn.
    """
    missed = torch.where(free, (1.0 - logged.exp()).clamp(min=_TINY).log(), 0.0)
    return logged + missed.cumsum(dim=1) - missed


def clone(log: LoggedLists, network: HeadsNetwork, seed: int) -> None:
    """Make worths the log probabilities of first draws of the policy that drew; changed in place.

    Least squares. So `Σ exp(worth)` over all candidates is near 1 for every user, which learning on
    a log takes for granted, see `from_log.learn_on`.

    Args:
        log: Lists that were drawn, by whatever policies.
        network: Scaled to the features before.
        seed: Of the order of the lists.
    """
    wanted = first_draws(log.logged, log.free)

    def miss(chosen: Tensor) -> Tensor:
        free = log.free[chosen]
        missed = torch.where(free, worths(network, log.features[chosen]) - wanted[chosen], 0.0)
        return missed.square().sum() / free.sum().clamp(min=1)

    one_cycle(
        network,
        len(log),
        miss,
        batch=_BATCH,
        epochs=EPOCHS,
        learning_rate=_LEARNING_RATE,
        seed=seed,
    )
