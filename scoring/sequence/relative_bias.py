"""How far back, in events and in time: a learned number added to each attention score."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

N_GAPS: Final = 32  # 2^31 s are 68 years


class RelativeBias(nn.Module):
    """Bias by distance in events and by time between them, for each head, shared by all blocks.

    As in HSTU (Zhai et al., ICML 2024, section 3.2), after T5 (Raffel et al., JMLR 2020): the score
    of an event j seen from event i gets ``p[i - j] + t[bucket(at_i - at_j)]``, with buckets that
    double in width. Gaps lie between events of the past only. The gap to the moment of the request
    is left out on purpose: in training it would be the time until the next event, in a worker, who
    answers each event at once, always nothing.

    Attributes:
        by_distance: (H, T) by events between the two.
        by_gap: (H, N_GAPS) by log2 of seconds.
    """

    def __init__(self, n_heads: int, length: int) -> None:
        super().__init__()
        self.by_distance = nn.Parameter(torch.zeros(n_heads, length))
        self.by_gap = nn.Parameter(torch.zeros(n_heads, N_GAPS))

    def forward(self, at_ms: Tensor) -> Tensor:
        """(B, T) moments, ascending -> (B, H, T, T) bias, -inf where j comes after i."""
        steps = torch.arange(at_ms.shape[1], device=at_ms.device)
        distance = (steps[:, None] - steps[None, :]).clamp(min=0)  # (T, T)
        gaps_s = (at_ms[:, :, None] - at_ms[:, None, :]).clamp(min=0) / 1000  # (B, T, T)
        buckets = torch.log2(gaps_s + 1).long().clamp(max=N_GAPS - 1)  # (B, T, T)
        by_distance = self.by_distance[:, distance]  # (H, T, T)
        by_gap = self.by_gap[:, buckets].transpose(0, 1)  # (B, H, T, T)
        bias: Tensor = by_distance + by_gap  # (B, H, T, T)
        return bias.masked_fill(steps[None, :] > steps[:, None], float("-inf"))
