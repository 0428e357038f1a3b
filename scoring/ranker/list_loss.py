"""The loss of whole lists: what was wanted, by the softmax of all candidates."""

from __future__ import annotations

import torch
from torch import Tensor


def list_losses(scores: Tensor, wanted: Tensor, weights: Tensor, lengths: Tensor) -> Tensor:
    """(n,) scores of lists one after the other -> (lists,) loss of each.

    Args:
        scores: Logits.
        wanted: (n,) 0 or more, with a sum above 0 in each list: 0 or 1, or shares.
        weights: (n,) how often each counts in the sum of the softmax.
        lengths: (lists,) that add up to n.
    """
    lists = torch.repeat_interleave(torch.arange(len(lengths)), lengths)  # (n,)
    zeros = torch.zeros(len(lengths))
    most = torch.full_like(zeros, -torch.inf).scatter_reduce(0, lists, scores.detach(), "amax")
    shares = weights * (scores - most[lists]).exp()
    total = zeros.scatter_add(0, lists, shares).log() + most
    n_wanted = zeros.scatter_add(0, lists, wanted)
    each = wanted * (total[lists] - scores) / n_wanted[lists]  # (n,)
    return zeros.scatter_add(0, lists, each)
