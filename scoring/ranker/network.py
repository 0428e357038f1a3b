"""Features of a pair -> a logit for each task; pointwise, so that one logged row can be scored."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from scoring.ranker.pieces import Pieces

CLIP: Final = 5.0
"""Scaled features beyond it say no more: a count that nobody has seen must not rule a list."""


ITEM_WIDTH: Final = 8
"""Numbers of an item's vector."""


class HeadsNetwork(nn.Module):
    """Two layers that the tasks share, and a linear head each.

    Places within a list are features like any other, see `features`, so no pair needs its list.

    Attributes:
        mean: (F,) of the raw features.
        deviation: (F,) above 0.
        slopes: (T,) above 0; with `shifts`, what makes logits honest (Platt 1999).
        shifts: (T,).
        pieces: Of some columns, read besides them; None = none.
        items: (V, E) vectors of item codes: what is learned of single items; 0 = nothing is known.
    """

    mean: Tensor
    deviation: Tensor
    slopes: Tensor
    shifts: Tensor

    def __init__(
        self,
        n_features: int,
        n_tasks: int,
        *,
        width: int = 64,
        n_hidden: int = 2,
        dropout: float = 0.1,
        n_codes: int = 0,
        item_width: int = ITEM_WIDTH,
        pieces: Pieces | None = None,
    ) -> None:
        """An untrained network; features pass as they are until `mean` and `deviation` are set.

        Args:
            n_features: F.
            n_tasks: T.
            width: Of each hidden layer.
            n_hidden: Layers; 0 = a linear model.
            dropout: After each hidden layer, while it learns.
            n_codes: V item codes; 0 = items have no vectors.
            item_width: E.
            pieces: Of some columns, not copied.
        """
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("deviation", torch.ones(n_features))
        self.register_buffer("slopes", torch.ones(n_tasks))
        self.register_buffer("shifts", torch.zeros(n_tasks))
        self.pieces = pieces
        self.items = nn.Parameter(torch.zeros(n_codes, item_width if n_codes else 0))
        self.shape = {"width": width, "n_hidden": n_hidden, "item_width": item_width}
        layers: list[nn.Module] = []
        n_inputs = n_features + self.n_pieces + self.items.shape[1]
        for _ in range(n_hidden):
            layers += [nn.Linear(n_inputs, width), nn.GELU(), nn.Dropout(dropout)]
            n_inputs = width
        self.layers = nn.Sequential(*layers)
        self.heads = nn.Linear(n_inputs, n_tasks)

    @property
    def linear(self) -> list[nn.Linear]:
        """The hidden layers, without what stands between them."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    @property
    def first(self) -> nn.Linear:
        """What reads the columns."""
        return next(iter(self.linear), self.heads)

    @property
    def n_columns(self) -> int:
        """F + P: what is read beside vectors of items."""
        return len(self.mean) + self.n_pieces

    @property
    def n_pieces(self) -> int:
        """P; 0 = no column is read in pieces."""
        return 0 if self.pieces is None else len(self.pieces)

    @property
    def n_codes(self) -> int:
        """V; 0 = items have no vectors."""
        return len(self.items)

    def forward(self, features: Tensor, codes: Tensor | None = None) -> Tensor:
        """(M, F) raw features, (M,) item codes below V -> (M, T) logits, not calibrated yet.

        `codes` may be None where V is 0.
        """
        scaled = self.read(features)
        if self.n_codes:
            if codes is None:
                raise ValueError("this network knows items by code: it needs their codes")
            scaled = torch.cat([scaled, self.items[codes]], dim=1)  # (M, F + P + E)
        found: Tensor = self.heads(self.layers(scaled))  # (M, T)
        return found

    def read(self, features: Tensor) -> Tensor:
        """(M, F) raw features -> (M, F + P) scaled, and in pieces."""
        scaled = ((features - self.mean) / self.deviation).clamp(-CLIP, CLIP)  # (M, F)
        if self.pieces is None:
            return scaled
        return torch.cat([scaled, self.pieces(features)], dim=1)

    def calibrated(self, logits: Tensor) -> Tensor:
        """(M, T) logits of `forward` -> logits whose sigmoid is a chance."""
        return logits * self.slopes + self.shifts
