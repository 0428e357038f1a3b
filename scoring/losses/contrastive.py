"""In-batch contrast: each text finds its partner among the partners of the others."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def contrastive(
    left: Tensor,
    right: Tensor,
    temperature: float,
    same: Tensor | None = None,
    log_q: Tensor | None = None,
) -> Tensor:
    """InfoNCE in both directions (van den Oord et al. 2018; symmetric as in Radford et al. 2021).

    ``−log exp(cos(l_i, r_i) / τ) / Σ_j exp(cos(l_i, r_j) / τ)``, and the same from right to left.

    Args:
        left: (B, d), any length.
        right: (B, d); row i belongs to row i.
        temperature: τ.
        same: (B, B) whether pair j is as right for i as its own, and so is no negative.
        log_q: (B,) log of how often each right text is drawn, taken from its logits where a left
            text looks for its partner: what is frequent is a negative too often otherwise (Yi et
            al., RecSys 2019, section 3.2). None = all alike.

    Returns:
        Scalar mean.
    """
    left = torch.nn.functional.normalize(left, dim=1)
    right = torch.nn.functional.normalize(right, dim=1)
    logits = left @ right.T / temperature  # (B, B)
    if same is not None:
        own = torch.eye(len(logits), dtype=torch.bool, device=logits.device)
        logits = logits.masked_fill(same & ~own, float("-inf"))
    target = torch.arange(len(logits), device=logits.device)
    corrected = logits if log_q is None else logits - log_q
    return (cross_entropy(corrected, target) + cross_entropy(logits.T, target)) / 2


def supervised_contrastive(vectors: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Khosla et al., NeurIPS 2020, equation 2: all rows of one's own label are partners.

    Args:
        vectors: (B, d), any length.
        labels: (B,) integers.
        temperature: τ.

    Returns:
        Mean over the rows that have a partner; 0 where none has.
    """
    unit = torch.nn.functional.normalize(vectors, dim=1)
    own = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    logits = (unit @ unit.T / temperature).masked_fill(own, float("-inf"))  # (B, B)
    log_share = logits.log_softmax(dim=1).masked_fill(own, 0.0)
    partners = (labels[:, None] == labels[None, :]) & ~own  # (B, B)
    n = partners.sum(dim=1)  # (B,)
    means = -(log_share * partners).sum(dim=1) / n.clamp(min=1)  # (B,)
    return means.sum() / (n > 0).sum().clamp(min=1)


def leading_parts(vectors: Tensor, widths: Sequence[int]) -> list[Tensor]:
    """(B, d) -> (B, w) for each width and the whole: the vectors of Matryoshka learning.

    Kusupati et al., NeurIPS 2022: a loss that is the mean over these makes the leading values of a
    vector a good vector by themselves.
    """
    dim = vectors.shape[1]
    return [vectors[:, :width] for width in sorted({*(w for w in widths if w < dim), dim})]
