"""AdamW over one cycle of the learning rate: lists and rows are learned from in the same way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scoring.ranker.network import HeadsNetwork
from scoring.ranker.settings import NetworkSettings

_RISE: Final = 0.1 - 1e-12
"""Share of the cycle in which the rate rises. With a tenth itself, a cycle of nine steps ends in a
division by 0: torch 2.15 divides by the steps of the rise, of which there are 0.1 * (9 + 1) - 1."""

_OF_ITEMS: Final = 5.0
"""The rate of items' vectors above the others': few rows of a step are of the same item."""


@dataclass(frozen=True, slots=True)
class OneCycle:
    """Passes over some examples (Smith & Topin 2019; AdamW: Loshchilov & Hutter 2019).

    Attributes:
        n: Examples.
        batch: So many a step; what is left of a pass is left out.
        epochs: Passes.
        least_steps: Where the passes have fewer, there are more of them.
    """

    n: int
    batch: int
    epochs: int
    least_steps: int = 0

    @property
    def n_steps(self) -> int:
        """In all; a pass has one at least, if there are any examples."""
        if not self.n:
            return 0
        return self._a_pass * max(self.epochs, -(-self.least_steps // self._a_pass))

    @property
    def _a_pass(self) -> int:
        return max(self.n // self.batch, 1)

    def run(
        self,
        network: HeadsNetwork,
        loss: Callable[[NDArray[np.int64]], Tensor],
        settings: NetworkSettings,
        rng: np.random.Generator,
        progress: Callable[[int, int], None],
    ) -> None:
        """Make a loss small; the network is changed in place.

        Args:
            network: What learns; vectors of items at a rate of their own, without decay.
            loss: Numbers of a step's examples -> ().
            settings: Highest rate, and decay.
            rng: Of the order.
            progress: Called with (steps, of how many).
        """
        rate, items = settings.learning_rate, network.items
        others = [each for each in network.parameters() if each is not items]
        groups = [
            {"params": others, "weight_decay": settings.weight_decay},
            {"params": [items], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, [rate, _OF_ITEMS * rate], total_steps=self.n_steps + 1, pct_start=_RISE
        )
        order = np.empty(0, np.int64)
        for step in range(self.n_steps):
            place = step % self._a_pass
            if not place:
                order = rng.permutation(self.n)
            found = loss(order[place * self.batch : (place + 1) * self.batch])
            optimizer.zero_grad()
            found.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            progress(step + 1, self.n_steps)
