"""The likelihood of what was done with items that may not have been looked at."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def position_based_losses(logits: Tensor, targets: Tensor, looked: Tensor) -> Tensor:
    """Minus the log-likelihood of each row under P(done) = P(looked at) · P(wanted).

    The position-based model (Richardson, Dominowska & Ragno, WWW 2007). With the first factor
    known, its likelihood is what makes the second one unbiased, as weighting by its inverse does
    (Joachims, Swaminathan & Schnabel, WSDM 2017), with no weights that need to be clipped. Where
    all was looked at it is the cross-entropy.

    Args:
        logits: (…) of what is wanted.
        targets: The same shape: 0 or 1, or chances.
        looked: In (0, 1], of a shape that broadcasts with it.

    Returns:
        The same shape.
    """
    wanted, not_wanted = logsigmoid(logits), logsigmoid(-logits)
    yes = looked.log() + wanted
    no = torch.logaddexp(not_wanted, torch.log1p(-looked) + wanted)  # -inf where it was looked at
    return -(targets * yes + (1 - targets) * no)
