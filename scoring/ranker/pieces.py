"""Columns in pieces: where a straight line says too little, as of prices that end in 95."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

EACH: Final = 8
"""Pieces of a column at most; 64 of the price were no better than 8."""


class Pieces(nn.Module):
    """How far a value has come in each of some intervals, -1 before it to 1 after it.

    The piecewise-linear encoding of numbers by quantiles (Gorishniy, Rubachev & Babenko, NeurIPS
    2022, section 3.2), around 0: with it, one layer bends a column's line at each quantile, which
    layers that read the column itself hardly learn; beyond what was seen it says no more.

    Attributes:
        columns: (P,) int64 column of each piece.
        middles: (P,) of the intervals, raw.
        halves: (P,) of their lengths, above 0.
    """

    columns: Tensor
    middles: Tensor
    halves: Tensor

    def __init__(self, n_pieces: int) -> None:
        """So many pieces of the first column, until others are set.

        Args:
            n_pieces: P.
        """
        super().__init__()
        self.register_buffer("columns", torch.zeros(n_pieces, dtype=torch.int64))
        self.register_buffer("middles", torch.zeros(n_pieces))
        self.register_buffer("halves", torch.ones(n_pieces))

    def __len__(self) -> int:
        """P."""
        return len(self.columns)

    @classmethod
    def of(
        cls, features: NDArray[np.float32], columns: Sequence[int], n_each: int = EACH
    ) -> Pieces | None:
        """Pieces with equally many rows; None where no column varies.

        A column whose quantiles fall together has fewer.

        Args:
            features: (n, F) raw.
            columns: Of these.
            n_each: For each at most.
        """
        if not len(features):
            return None
        shares = np.linspace(0.0, 1.0, n_each + 1)
        edges = [np.unique(np.quantile(features[:, column], shares)) for column in columns]
        if not (n_pieces := sum(len(each) - 1 for each in edges)):
            return None
        found = cls(n_pieces)
        names = np.repeat(columns, [len(each) - 1 for each in edges])
        found.columns.copy_(torch.from_numpy(names))
        found.middles.copy_(torch.from_numpy(np.concatenate([e[1:] + e[:-1] for e in edges]) / 2))
        found.halves.copy_(torch.from_numpy(np.concatenate([np.diff(each) for each in edges]) / 2))
        return found

    def forward(self, features: Tensor) -> Tensor:
        """(M, F) raw -> (M, P)."""
        return ((features[:, self.columns] - self.middles) / self.halves).clamp(-1.0, 1.0)
