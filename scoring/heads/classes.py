"""What every head that names a class can be asked, however it came to know."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn


class Classes(nn.Module, ABC):
    """(B, d) vectors -> (B, C) logits, and how near a vector is to anything known.

    Attributes:
        nearness_is: What nearness is called among measures.
        temperature: () by which logits are divided for honest confidences.
        threshold: () least nearness; below, the head abstains.
    """

    nearness_is: ClassVar[str]
    temperature: Tensor
    threshold: Tensor

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("threshold", torch.tensor(threshold))

    @abstractmethod
    def nearness(self, vectors: Tensor) -> Tensor:
        """(B, d) -> (B,) the higher, the more like what was learned."""
