"""How the worth of the candidates becomes probabilities: the best, a softmax, Thompson sampling."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

N_SAMPLES: Final = 256
"""Of the weights, a list; the standard error of a propensity is at most .5 / sqrt(256) = .031."""


class Chooser(ABC):
    """Says at each rank with which probability each candidate is put there."""

    @abstractmethod
    def probabilities(
        self, share: float, bonus: NDArray[np.float64], may: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Probabilities of one rank, up to a factor of each row.

        Args:
            share: Weight of the score.
            bonus: (B, C) what an item's difference from those above it adds.
            may: (B, C) which candidates may be there; a row without any gives zeros.

        Returns:
            (B, C), at least 0, above 0 only where `may`.
        """


class Best(Chooser):
    """The highest worth has them all, the first of equal ones."""

    def __init__(self, scores: NDArray[np.float64]) -> None:
        """Of (B, C) scores."""
        self._scores = scores

    def probabilities(
        self, share: float, bonus: NDArray[np.float64], may: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """One for the best, 0 for all others."""
        worth = np.where(may, share * self._scores + bonus, -np.inf)
        found = np.zeros(worth.shape)
        users = np.arange(len(worth))
        best = worth.argmax(axis=1)
        found[users, best] = may[users, best]
        return found


class Softmax(Chooser):
    """In proportion to exp(worth / temperature): Plackett-Luce, rank after rank.

    (Luce 1959, Plackett 1975). The same lists, with the same probabilities, as ordering by
    worth / temperature plus Gumbel noise (Yellott 1977), but with caps and diversity inside.
    """

    def __init__(self, scores: NDArray[np.float64], temperature: float) -> None:
        """Of (B, C) scores."""
        self._scores = scores
        self._temperature = temperature

    def probabilities(
        self, share: float, bonus: NDArray[np.float64], may: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """1 for the best, less for others."""
        worth = np.where(may, share * self._scores + bonus, -np.inf)
        worth -= np.maximum(worth.max(axis=1, keepdims=True), np.finfo(np.float64).min)
        worth /= self._temperature
        found: NDArray[np.float64] = np.exp(worth, out=worth)
        return found


class Thompson(Chooser):
    """The best under one of `N_SAMPLES` draws of the last layer's weights, another at each rank.

    (Thompson 1933; Chapelle & Li, NeurIPS 2011). The probability that an item is the best has no
    closed form, so it is the share of the samples that say so: an estimate, standard error
    sqrt(p (1 - p) / N_SAMPLES). It is also what the rank is then drawn with, so that the published
    propensity is exactly that of the draw, given the samples.
    """

    def __init__(self, sampled: Sequence[NDArray[np.float32]], width: int) -> None:
        """Scores under samples.

        Args:
            sampled: B arrays (S, C_b).
            width: C, at least every C_b.
        """
        self._sampled = sampled
        self._width = width

    def probabilities(
        self, share: float, bonus: NDArray[np.float64], may: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Number of samples under which an item is the best."""
        found = np.zeros((len(self._sampled), self._width))
        gain = np.where(may, bonus, -np.inf).astype(np.float32)
        for user in np.flatnonzero(may.any(axis=1)).tolist():
            scores = self._sampled[user]
            worth = np.float32(share) * scores + gain[user, : scores.shape[1]]  # (S, C_b)
            found[user] = np.bincount(worth.argmax(axis=1), minlength=self._width)
        return found
