"""AdamW with two rates: the shared language model learns slowly, what sits on it quickly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from scoring.training.settings import LoopSettings


def make_optimizer(
    module: nn.Module, shared: Sequence[nn.Parameter], balancer: nn.Module, settings: LoopSettings
) -> torch.optim.AdamW:
    """AdamW over all parameters, frozen ones too: they may thaw later (Loshchilov & Hutter 2019).

    Vectors (biases, norms) and the balancer's own parameters do not decay. Each group keeps its
    highest rate as ``highest_rate``; the schedule sets ``lr`` from it.
    """
    private_rate = settings.private_learning_rate or settings.learning_rate
    ours = {id(parameter) for parameter in shared}
    private = [p for p in module.parameters() if id(p) not in ours]
    groups: list[dict[str, Any]] = []
    for parameters, rate in ((list(shared), settings.learning_rate), (private, private_rate)):
        matrices = [p for p in parameters if p.dim() > 1]
        vectors = [p for p in parameters if p.dim() <= 1]
        for members, decay in ((matrices, settings.weight_decay), (vectors, 0.0)):
            if members:
                groups.append({"params": members, "highest_rate": rate, "weight_decay": decay})
    if own := list(balancer.parameters()):
        groups.append({"params": own, "highest_rate": private_rate, "weight_decay": 0.0})
    # Fused: the moments of 20 million weights are a CPU's bottleneck.
    return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
