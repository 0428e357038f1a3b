"""The gradient of each loss by itself, with respect to what the losses share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from scoring.training.processes import mean_over_processes


def backward_each(losses: Sequence[Tensor], shared: Sequence[nn.Parameter]) -> Tensor:
    """One backward pass a loss; gradients of private parameters add up in their `.grad`.

    Those of the shared parameters do not: they come back, one row a loss, and what `.grad` held
    before is still there. This takes as many passes as there are losses, and T times the
    memory of the shared gradients. Of several processes that train together, the rows are their
    means: what is made of them is then the same as in one process with all rows of the batch.

    Args:
        losses: T scalars; their graphs, which may be one, are used up.
        shared: Parameters with P values that want gradients; the frozen are passed over.

    Returns:
        (T, P), in the order of `shared`; zeros where a loss does not reach a parameter.
    """
    wanted = trainable(shared)
    held = [parameter.grad for parameter in wanted]
    rows = []
    try:
        for i, loss in enumerate(losses):
            for parameter in wanted:
                parameter.grad = None
            if loss.requires_grad:  # while all that it reaches is frozen, it has nothing to say
                torch.autograd.backward(loss, retain_graph=i < len(losses) - 1)
            rows.append(_flat(wanted, loss))
    finally:
        for parameter, grad in zip(wanted, held, strict=True):
            parameter.grad = grad
    return mean_over_processes(torch.stack(rows))


def add_gradient(shared: Sequence[nn.Parameter], gradient: Tensor) -> None:
    """(P,) in the order of `backward_each` -> added to the `.grad` of the shared parameters."""
    start = 0
    for parameter in trainable(shared):
        part = gradient[start : start + parameter.numel()].view_as(parameter).to(parameter.dtype)
        parameter.grad = part.clone() if parameter.grad is None else parameter.grad + part
        start += parameter.numel()


def trainable(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """Those that are not frozen."""
    return [parameter for parameter in parameters if parameter.requires_grad]


def _flat(parameters: Sequence[nn.Parameter], loss: Tensor) -> Tensor:
    """All `.grad` in one row (P,) of float32."""
    if not parameters:
        return loss.new_zeros(0, dtype=torch.float32)
    return torch.cat(
        [
            (torch.zeros_like(each) if each.grad is None else each.grad).float().reshape(-1)
            for each in parameters
        ]
    )
