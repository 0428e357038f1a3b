"""Shown rows -> a network: clicks and engagement, and what single items are worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.losses.position_based import position_based_losses
from scoring.ranker.heads import codes_of
from scoring.ranker.inputs import Inputs, without_constants
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.one_cycle import OneCycle
from scoring.ranker.settings import NetworkSettings
from scoring.ranker.shown import OF_SHOWN, Shown

_A_STEP: Final = 256
_PRIOR: Final = 30.0
"""Of each number of an item's vector, a normal distribution of variance 1 / 30: a few rows of an
item move it little, however many passes there are."""


class RowLearning:
    """A network of the tasks of `OF_SHOWN`, with a vector for each item code.

    It learns what is wanted by those who look, from what was done by those who may have looked.
    Vectors begin at zero and have a normal prior (the most probable ones are looked for, as a ridge
    regression does), so that what no row has shown stays at zero: unknown, the mean of all.

    Attributes:
        cycle: Of the steps that `teach` makes.
    """

    def __init__(self, shown: Shown, settings: NetworkSettings, least_steps: int) -> None:
        """Note what is learned from.

        Args:
            shown: No rows teach nothing.
            settings: How.
            least_steps: See `OneCycle`.
        """
        self._shown = shown
        self._settings = settings
        self.cycle = OneCycle(len(shown.features), _A_STEP, settings.shown_epochs, least_steps)

    def teach(
        self, inputs: Inputs, seed: int, progress: Callable[[int, int], None]
    ) -> HeadsNetwork:
        """Of weights, dropout and order by this seed; `progress` is called with (steps, of all)."""
        torch.manual_seed(seed)
        n_codes = self._settings.n_codes
        network = inputs.network(self._settings, len(OF_SHOWN), n_codes)
        features = torch.from_numpy(self._shown.features)
        targets = torch.from_numpy(self._shown.targets)
        codes = torch.from_numpy(codes_of(self._shown.item_ids.tolist(), n_codes))
        looked = torch.from_numpy(self._shown.looked).unsqueeze(1)
        prior = _PRIOR / (2 * max(len(features), 1))

        def loss(some: NDArray[np.int64]) -> Tensor:
            rows = torch.from_numpy(some)
            logits = network(features[rows], codes[rows])
            of_rows = position_based_losses(logits, targets[rows], looked[rows])
            return of_rows.mean() + prior * network.items.square().sum()

        self.cycle.run(network, loss, self._settings, np.random.default_rng(seed), progress)
        return without_constants(network.eval(), self._shown.features)
