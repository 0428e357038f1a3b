"""Two texts read as one: how a model is told which is which, and a vector for each of them.

A cross-encoder reads ``[CLS] query [SEP] title [SEP]``, so that every token of one sees the other
(Nogueira & Cho 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def tells_segments(config: Mapping[str, Any]) -> bool:
    """Whether a model of this `config.json` has segment ids (Devlin et al., NAACL 2019).

    RoBERTa and DistilBERT have none: there the separator alone tells the texts apart.
    """
    return int(config.get("type_vocab_size") or 0) > 1


def pool_sides(hidden: Tensor, sides: Tensor) -> Tensor:
    """(n, T, d) token vectors -> (2, n, d), the mean of each text's own tokens.

    A text without a token (nothing of it was left by the cut) has the vector 0.

    Args:
        hidden: Token vectors of n pairs.
        sides: (n, T) 0 for tokens of the first text, 1 for those of the second, -1 for others.
    """
    means = []
    for side in (0, 1):
        own = (sides == side).unsqueeze(-1).to(hidden.dtype)  # (n, T, 1)
        means.append((hidden * own).sum(dim=1) / own.sum(dim=1).clamp_min(1))
    return torch.stack(means)
