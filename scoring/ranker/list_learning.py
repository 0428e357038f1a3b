"""Lists -> a network: what is bought, by the softmax of whole lists."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.ranker.inputs import Inputs, without_constants
from scoring.ranker.list_loss import list_losses
from scoring.ranker.lists import Lists
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.one_cycle import OneCycle
from scoring.ranker.settings import NetworkSettings
from scoring.ranker.worst_group import GroupWeights

_A_STEP: Final = 32


class ListLearning:
    """A network of one task, taught by ListNet (Cao et al., ICML 2007).

    A list's loss is the mean over its wanted items of ``-log softmax``; each list weighs the same,
    and a candidate that stands for several counts so often in the sum of the softmax.

    Attributes:
        cycle: Of the steps that `teach` makes.
    """

    def __init__(
        self,
        lists: Lists,
        settings: NetworkSettings,
        groups: GroupWeights | None = None,
        targets: NDArray[np.float32] | None = None,
        least_steps: int = 0,
    ) -> None:
        """Note what is learned from.

        Args:
            lists: Those without a wanted item teach nothing.
            settings: How.
            groups: Weights of these lists by their groups, which follow the losses; None = all
                weigh the same.
            targets: (M,) share of each candidate in its list; None = what was wanted, in equal
                shares.
            least_steps: See `OneCycle`.
        """
        self._lists = lists
        self._settings = settings
        self._groups = groups
        self._targets = lists.wanted.astype(np.float32) if targets is None else targets
        self._bounds = list(pairwise(lists.starts.tolist()))
        wanted = [bool(lists.wanted[start:end].any()) for start, end in self._bounds]
        self._told = np.flatnonzero(wanted)
        self.cycle = OneCycle(len(self._told), _A_STEP, settings.epochs, least_steps)

    def teach(
        self, inputs: Inputs, seed: int, progress: Callable[[int, int], None]
    ) -> HeadsNetwork:
        """Of weights, dropout and order by this seed; `progress` is called with (steps, of all)."""
        torch.manual_seed(seed)
        network = inputs.network(self._settings, 1)

        def loss(some: NDArray[np.int64]) -> Tensor:
            chosen = self._told[some]
            losses = self._losses(network, chosen)
            if self._groups is not None:
                weights = self._groups.follow(chosen, losses.detach().numpy())
                losses = losses * torch.from_numpy(weights.astype(np.float32))
            return losses.sum() / _A_STEP

        self.cycle.run(network, loss, self._settings, np.random.default_rng(seed), progress)
        return without_constants(network.eval(), self._lists.features)

    def _losses(self, network: HeadsNetwork, chosen: NDArray[np.int64]) -> Tensor:
        """(lists,) loss of each."""
        bounds = [self._bounds[g] for g in chosen]
        rows = np.concatenate([np.arange(start, end) for start, end in bounds])
        logits = network(torch.from_numpy(self._lists.features[rows].astype(np.float32)))  # (n, 1)
        return list_losses(
            logits[:, 0],
            torch.from_numpy(self._targets[rows]),
            torch.from_numpy(self._lists.weights[rows]),
            torch.tensor([end - start for start, end in bounds]),
        )
