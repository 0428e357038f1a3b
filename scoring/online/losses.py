"""What a step minimises: the likelihood of what was done, given that a rank may go unseen."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def row_losses(logits: Tensor, targets: Tensor, looked: Tensor, values: list[int]) -> Tensor:
    """(n, T) losses.

    The position-based model: P(done) = P(looked at) P(wanted). With the first factor known, its
    likelihood is what makes the second one unbiased, as weighting by its inverse does (Joachims,
    Swaminathan & Schnabel, WSDM 2017), with no weights that need to be clipped.

    Args:
        logits: (n, T) of what is wanted.
        targets: (n, T) 0 or 1.
        looked: (n,) in (0, 1].
        values: Tasks that are no chances: their loss is the squared error.
    """
    seen = looked.unsqueeze(1)  # (n, 1)
    wanted, not_wanted = logsigmoid(logits), logsigmoid(-logits)  # (n, T)
    yes = seen.log() + wanted
    no = torch.logaddexp(not_wanted, torch.log1p(-seen) + wanted)  # -inf where it was looked at
    losses = -(targets * yes + (1 - targets) * no)
    if values:
        squared = (logits - targets).square()
        mask = torch.zeros(logits.shape[1], dtype=torch.bool)
        mask[values] = True
        losses = torch.where(mask, squared, losses)
    return losses
