"""Graded pairs: the better of two must have the higher score, whatever the scale of grades."""

from __future__ import annotations

import torch
from torch import Tensor


def order_loss(scores: Tensor, grades: Tensor, scale: float = 20.0) -> Tensor:
    """CoSENT (Su Jianlin 2022): ``log(1 + Σ_{g_i > g_j} exp(scale · (s_j − s_i)))``.

    Over all pairs of a batch, across queries. Grades are only compared, so any scale will do; a
    mean squared error would ask the cosines for their values instead.

    Args:
        scores: (B,) cosines.
        grades: (B,).
        scale: How hard a wrong order counts.

    Returns:
        Scalar; 0 where all grades are equal.
    """
    wrong = scale * (scores[None, :] - scores[:, None])  # (B, B): s_j − s_i
    wrong = wrong.masked_fill(grades[:, None] <= grades[None, :], float("-inf"))
    return torch.logsumexp(torch.cat([scores.new_zeros(1), wrong.flatten()]), dim=0)
