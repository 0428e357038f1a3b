"""Classes as directions: the label is the nearest one, and far from all of them is none of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from scoring.heads.classes import Classes


class CosineClasses(Classes):
    """Cosine classifier (Gidaris & Komodakis, CVPR 2018, section 3.2).

    Directions begin as the class means of the vectors that the language model already has, so that
    ten rows a class are enough.

    Attributes:
        weight: (C, d) directions, of any length.
        means: (C, d) class means of the trained vectors, of length 1 where `calibrate` set them,
            shorter where models were merged; 0 without rows.
        threshold: () least cosine to a class mean.
    """

    nearness_is = "cosine"
    means: Tensor

    def __init__(self, dim: int, n_classes: int, scale: float = 16.0) -> None:
        super().__init__(threshold=-1.0)
        self.weight = nn.Parameter(torch.empty(n_classes, dim).normal_(0, dim**-0.5))
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.register_buffer("means", torch.zeros(n_classes, dim))

    def forward(self, vectors: Tensor) -> Tensor:
        """(B, d) vectors -> (B, C) logits."""
        return self.log_scale.exp() * normalize(vectors, dim=1) @ normalize(self.weight, dim=1).T

    def set_directions(self, vectors: Tensor, labels: Tensor) -> None:
        """Begin at the class means of (n, d) vectors."""
        with torch.no_grad():
            self.weight.copy_(class_means(vectors, labels, len(self.weight)))

    def calibrate(self, vectors: Tensor, labels: Tensor) -> None:
        """Remember the class means of (n, d) training vectors."""
        self.means.copy_(class_means(vectors, labels, len(self.weight)))

    def nearness(self, vectors: Tensor) -> Tensor:
        """(B, d) -> (B,) cosine to the nearest class mean."""
        return (normalize(vectors, dim=1) @ normalize(self.means, dim=1).T).amax(dim=1)

    def nearness_left_out(self, vectors: Tensor, learned: Tensor, labels: Tensor) -> Tensor:
        """The same for learned rows, as if their class means had never seen them.

        Args:
            vectors: (n, d) of the rows, perhaps of texts that have lost words.
            learned: (n, d) of the same rows, as the means have them.
            labels: (n,).

        Returns:
            (n,); a label's only row is not near to its own label.
        """
        unit = normalize(learned, dim=1)
        sums = unit.new_zeros(len(self.weight), unit.shape[1]).index_add_(0, labels, unit)
        others = sums[labels] - unit  # (n, d)
        others[torch.bincount(labels, minlength=len(sums))[labels] == 1] = 0.0  # no rounding errors
        asked = normalize(vectors, dim=1)
        cosines = asked @ normalize(self.means, dim=1).T  # (n, C)
        cosines[torch.arange(len(labels)), labels] = (asked * normalize(others, dim=1)).sum(dim=1)
        return cosines.amax(dim=1)


def class_means(vectors: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """(n, d) vectors, (n,) labels -> (C, d) unit means of unit vectors; 0 without rows."""
    sums = vectors.new_zeros(n_classes, vectors.shape[1])
    return normalize(sums.index_add_(0, labels, normalize(vectors, dim=1)), dim=1)


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Divisor of logits with the highest likelihood (Guo et al., ICML 2017, section 4.2).

    Its logarithm has a normal prior of unit width, so that few rows change little: the likeliest
    divisor of three right answers alone is 0, which would make the head sure of everything.

    Args:
        logits: (n, C) of rows that were not learned from.
        labels: (n,).

    Returns:
        In [0.05, 20], found on a grid of 1 %.
    """
    grid = torch.logspace(math.log10(0.05), math.log10(20), 601, dtype=logits.dtype)
    losses = torch.stack(
        [nn.functional.cross_entropy(logits / t, labels, reduction="sum") for t in grid]
    )
    return float(grid[int((losses + grid.log().square() / 2).argmin())])
