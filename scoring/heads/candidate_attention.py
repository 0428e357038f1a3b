"""What of a user's history speaks for this candidate."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

_TOGETHER: Final = 2


class CandidateAttention(nn.Module):
    """Local activation unit of the deep interest network (Zhou et al., KDD 2018, section 4.3).

    A small network looks at each pair of history item h and candidate c and gives it a weight:

        u(c) = sum_t a(h_t, c) h_t,      a = v · PReLU(W [h, c, h * c] + b) + v_0

    There is no softmax, as in the paper: many pairs that fit make a longer vector than one.
    The first layer is computed in three parts, so that no (B, K, T, 3 D) tensor is ever made; a
    part for ``h - c`` would add nothing, for it is a sum of the first two.

    Args:
        dim: D, of the item vectors.
        hidden: Width of the layer.
    """

    def __init__(self, dim: int, hidden: int = 36) -> None:
        super().__init__()
        self.of_history = nn.Linear(dim, hidden)
        self.of_candidate = nn.Linear(dim, hidden, bias=False)
        self.of_product = nn.Linear(dim, hidden, bias=False)
        self.activation = nn.PReLU()
        self.out = nn.Linear(hidden, 1)

    def forward(self, history: Tensor, mask: Tensor, candidates: Tensor) -> Tensor:
        """History, its mask and candidates -> what of the history belongs to each candidate.

        Args:
            history: (B, T, D) item vectors; what is masked may hold anything finite.
            mask: (B, T) true where there is an item.
            candidates: (B, K, D).

        Returns:
            (B, K, D); zeros for a user without history.
        """
        if torch.is_grad_enabled():
            return self.weights(history, mask, candidates) @ history
        # Answers of few users at a time fit a core's cache: a quarter of the time.
        blocks = (torch.split(each, _TOGETHER) for each in (history, mask, candidates))
        parts = zip(*blocks, strict=True)
        return torch.cat([self.weights(h, m, c) @ h for h, m, c in parts])

    def weights(self, history: Tensor, mask: Tensor, candidates: Tensor) -> Tensor:
        """As `forward` -> (B, K, T) weights, 0 where masked; the reasons of a score."""
        products = self._products(history, candidates)  # (B, K, T, H)
        alone = self.of_history(history).unsqueeze(1)  # (B, 1, T, H)
        asked = self.of_candidate(candidates).unsqueeze(2)  # (B, K, 1, H)
        weights = self.out(self.activation(products + alone + asked)).squeeze(-1)  # (B, K, T)
        return torch.where(mask.unsqueeze(1), weights, 0.0)

    def _products(self, history: Tensor, candidates: Tensor) -> Tensor:
        """(B, T, D), (B, K, D) -> (B, K, T, H); the shorter of the two is multiplied first."""
        weight = self.of_product.weight  # (H, D)
        n_users, n_items, _ = history.shape
        if candidates.shape[1] <= n_items:
            scaled = torch.einsum("bkd,hd->bkdh", candidates, weight)  # (B, K, D, H)
            return torch.einsum("btd,bkdh->bkth", history, scaled)
        scaled = history.unsqueeze(2) * weight  # (B, T, H, D)
        products = candidates @ scaled.flatten(1, 2).transpose(1, 2)  # (B, K, T * H)
        return products.view(n_users, candidates.shape[1], n_items, len(weight))
