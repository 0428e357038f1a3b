"""A slate policy: heads with one output, `value`, whose softmax is drawn from."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.ranker.heads import Heads
from scoring.ranker.network import HeadsNetwork
from scoring.reinforcement.plackett_luce import gumbel_top
from scoring.reinforcement.settings import LearningSettings

TASK: Final = "value"


def new_network(n_features: int, settings: LearningSettings, seed: int = 0) -> HeadsNetwork:
    """A network that prefers nothing yet: its last layer is 0, so its lists are uniform.

    It has no item vectors: a policy that is to hold for another shop must not know items by name.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = HeadsNetwork(
            n_features, 1, width=settings.width, n_hidden=settings.hidden, dropout=0.0
        )
    torch.nn.init.zeros_(network.heads.weight)
    torch.nn.init.zeros_(network.heads.bias)
    return network


def scale_to(network: HeadsNetwork, features: NDArray[np.float32]) -> None:
    """Set the network's scaling to the mean and deviation of (..., F) features."""
    rows = features.reshape(-1, features.shape[-1])
    deviation = rows.std(axis=0, dtype=np.float64)
    network.mean.copy_(torch.from_numpy(rows.mean(axis=0, dtype=np.float64)))
    # A column that never varies says nothing, whatever it is divided by.
    network.deviation.copy_(torch.from_numpy(np.where(deviation > 1e-6, deviation, 1.0)))


def worths(network: HeadsNetwork, features: Tensor) -> Tensor:
    """(..., F) raw features -> (...) worths; a softmax of them is the policy.

    As served: the score is the head's value, the draw a softmax of temperature 1.
    """
    logits = network.calibrated(network(features.reshape(-1, features.shape[-1])))
    return logits.reshape(features.shape[:-1])


class NetworkPolicy:
    """Fills lists from a network: by its softmax, or the best ones.

    Args:
        network: With one output.
        n_ranks: Items in a list.
        temperature: Of the softmax; 0 = the best ones.
        seed: Of the draws.
    """

    def __init__(
        self, network: HeadsNetwork, n_ranks: int, *, temperature: float = 1.0, seed: int = 0
    ) -> None:
        self._network = network
        self._n_ranks = n_ranks
        self._temperature = temperature
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """(b, C, F) -> (b, n) places among the candidates."""
        with torch.inference_mode():
            values = worths(self._network, torch.from_numpy(features))  # (b, C)
            if self._temperature == 0:
                places = values.topk(self._n_ranks, dim=1).indices
            else:
                places = gumbel_top(values / self._temperature, self._n_ranks, self._generator)
        found: NDArray[np.int64] = places.numpy()
        return found


def heads_of(network: HeadsNetwork, features: tuple[str, ...]) -> Heads:
    """What workers serve; with `draw = softmax` and a temperature of 1 it is the policy."""
    return Heads.of(features, (TASK,), network)
