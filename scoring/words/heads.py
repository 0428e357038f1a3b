"""Heads whose vectors are their own logits: what they know is how sure words and letters are."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scoring.heads.classes import Classes
from scoring.words.logits import WordLogits


class WordClasses(Classes):
    """Classes by words and letters.

    Attributes:
        words: Texts -> logits.
        threshold: () least largest probability.
    """

    nearness_is = "softmax"

    def __init__(self, columns: int, n_classes: int) -> None:
        super().__init__(threshold=0.0)
        self.words = WordLogits(columns, n_classes)

    def forward(self, vectors: Tensor) -> Tensor:
        """(B, C) logits, as they are."""
        return vectors

    def nearness(self, vectors: Tensor) -> Tensor:
        """(B, C) -> (B,) the largest probability, before any temperature."""
        return vectors.softmax(dim=1).amax(dim=1)


class WordYesNo(nn.Module):
    """One question by words and letters.

    Attributes:
        words: Texts -> logits.
        temperature: () by which logits are divided for honest probabilities.
    """

    temperature: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.words = WordLogits(columns, 1)
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, vectors: Tensor) -> Tensor:
        """(B, 1) -> (B,) logits."""
        return vectors.squeeze(-1)
