"""Rows as tensors, side by side: what is the user's, what is the item's, what is of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from scoring.behaviour.recipe import Side


@dataclass(frozen=True, slots=True)
class SideInputs:
    """One side of n rows.

    Attributes:
        numbers: (n, P) float32, NaN where there is none; (B, K, P) for K candidates of each of B
            decisions, and so on.
        codes: (n, C) int64; 0 = empty, or not in the table.
        vectors: Name -> (n, D) float32.
    """

    numbers: Tensor
    codes: Tensor
    vectors: Mapping[str, Tensor]

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, places: Tensor) -> SideInputs:
        """Some rows; (B, K) places make them candidates."""
        vectors = {name: each[places] for name, each in self.vectors.items()}
        return SideInputs(self.numbers[places], self.codes[places], vectors)

    def to(self, device: torch.device) -> SideInputs:
        """The same, there."""
        vectors = {name: each.to(device) for name, each in self.vectors.items()}
        return SideInputs(self.numbers.to(device), self.codes.to(device), vectors)

    def alone(self) -> SideInputs:
        """N rows as one candidate of each of n decisions."""
        vectors = {name: each.unsqueeze(1) for name, each in self.vectors.items()}
        return SideInputs(self.numbers.unsqueeze(1), self.codes.unsqueeze(1), vectors)


@dataclass(frozen=True, slots=True)
class Past:
    """Histories of n users: (n, L) codes or (n, L, D) vectors, and (n, L) where there is one."""

    items: Tensor
    mask: Tensor

    def take(self, places: Tensor) -> Past:
        """Some of them."""
        return Past(self.items[places], self.mask[places])

    def to(self, device: torch.device) -> Past:
        """The same, there."""
        return Past(self.items.to(device), self.mask.to(device))


@dataclass(frozen=True, slots=True)
class Inputs:
    """All sides of n rows, and their users' histories by feature."""

    sides: Mapping[Side, SideInputs]
    pasts: Mapping[str, Past]

    def __len__(self) -> int:
        return len(self.sides["user"])

    def take(self, places: Tensor) -> Inputs:
        """Some rows."""
        return Inputs(
            {side: each.take(places) for side, each in self.sides.items()},
            {name: each.take(places) for name, each in self.pasts.items()},
        )

    def to(self, device: torch.device) -> Inputs:
        """The same, there."""
        return Inputs(
            {side: each.to(device) for side, each in self.sides.items()},
            {name: each.to(device) for name, each in self.pasts.items()},
        )
