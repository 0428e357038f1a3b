"""Adam over one cycle of the learning rate (Smith & Topin 2018): a network fitted at one go."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def one_cycle(
    network: nn.Module,
    n_rows: int,
    miss: Callable[[Tensor], Tensor],
    *,
    batch: int,
    epochs: int,
    learning_rate: float,
    seed: int,
) -> None:
    """Make a loss small; the network is changed in place.

    Args:
        network: What learns.
        n_rows: That there are.
        miss: (b,) chosen rows -> their loss.
        batch: Rows in a step.
        epochs: Over the rows.
        learning_rate: The largest.
        seed: Of the order of the rows.
    """
    optimizer = torch.optim.Adam(network.parameters())
    n_steps = epochs * -(-n_rows // batch)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=n_steps + 1)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for chosen in torch.split(torch.randperm(n_rows, generator=generator), batch):
            loss = miss(chosen)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            cycle.step()
