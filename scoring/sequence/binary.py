"""One negative for each positive: the loss that SASRec was published with, here as a baseline."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus


def binary_cross_entropy(states: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """Mean over n events of ``-log σ(s · v_y) - log(1 - σ(s · v_m))``.

    Kang & McAuley (ICDM 2018, section III-D, equation 6).

    Args:
        states: (n, d).
        positives: (n, d) vectors of the targets.
        negatives: (n, d) vectors of items drawn uniformly, one for each event.
    """
    true = (states * positives).sum(dim=1)  # (n,)
    false = (states * negatives).sum(dim=1)  # (n,)
    return (softplus(-true) + softplus(false)).mean()
