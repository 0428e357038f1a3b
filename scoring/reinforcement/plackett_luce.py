"""Exact probabilities of lists drawn rank by rank, and draws, as tensors with gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Lists:
    """B lists of n ranks, and what each rank could have been.

    Attributes:
        places: (B, n) int64 among the C candidates.
        free: (B, n) bool; False where a pin filled the rank or the list had ended.
        offered: (B, n, C) bool, from `slates.offered`; nothing where a rank is not free.
    """

    places: Tensor
    free: Tensor
    offered: Tensor

    @classmethod
    def of(
        cls,
        places: NDArray[np.int64],
        free: NDArray[np.bool_],
        offered: NDArray[np.bool_],
    ) -> Self:
        """Of what `slates.draw` and `slates.offered` gave."""
        return cls(torch.from_numpy(places), torch.from_numpy(free), torch.from_numpy(offered))

    @classmethod
    def without_rules(cls, places: Tensor, n_candidates: int) -> Self:
        """Lists that nothing acted on: every rank had all candidates but those above it."""
        taken = torch.nn.functional.one_hot(places, n_candidates).cumsum(1)  # (B, n, C)
        above = torch.cat([torch.zeros_like(taken[:, :1]), taken[:, :-1]], dim=1)
        return cls(places, torch.ones_like(places, dtype=torch.bool), above == 0)

    def rows(self, chosen: Tensor) -> Self:
        """Some of the lists."""
        return type(self)(self.places[chosen], self.free[chosen], self.offered[chosen])


class RankDistributions:
    """The categorical distribution of every rank, given what stands above it.

    Plackett-Luce (Luce 1959; Plackett 1975): P(item at a rank) = exp(worth) / Σ exp(worth) over
    what may be there. `slates.draw` draws from the same with worth = score / temperature.
    """

    def __init__(self, worth: Tensor, lists: Lists) -> None:
        """Of (B, C) worths."""
        self._lists = lists
        # A rank without any candidate says nothing, and a softmax over none would be nan.
        seen = lists.offered | ~lists.free[:, :, None]
        self._logs = worth[:, None, :].masked_fill(~seen, -torch.inf).log_softmax(dim=2)

    def log_probabilities(self) -> Tensor:
        """(B, n) log probability of what stands at each rank; 0 where nothing was drawn.

        The log probability of a list is the sum of its row.
        """
        drawn = self._logs.gather(2, self._lists.places[:, :, None]).squeeze(2)
        return torch.where(self._lists.free, drawn, 0.0)

    def entropies(self) -> Tensor:
        """(B, n) in nats, 0 where nothing was drawn.

        Summed over ranks and averaged over lists drawn from the policy, an unbiased estimate of
        the entropy of whole lists (chain rule).
        """
        terms = self._logs.exp() * self._logs.masked_fill(self._logs.isneginf(), 0.0)
        return torch.where(self._lists.free, -terms.sum(dim=2), 0.0)

    def divergences(self, other: RankDistributions) -> Tensor:
        """(B, n) KL(self ‖ other) at each rank, nats; 0 where nothing was drawn."""
        hidden = self._logs.isneginf()
        gap = (self._logs - other._logs).masked_fill(hidden, 0.0)
        return torch.where(self._lists.free, (self._logs.exp() * gap).sum(dim=2), 0.0)


def log_probabilities_without_rules(worth: Tensor, places: Tensor) -> Tensor:
    """(B, n) as `RankDistributions` gives them for lists that nothing acted on, in O(C) a list.

    What a rank may have is what was never shown, and itself with all below it: one running
    log-sum of exponentials from the bottom of the list up.

    Args:
        worth: (B, C).
        places: (B, n) int64, none twice in a row.
    """
    shown = worth.gather(1, places)  # (B, n)
    never = worth.scatter(1, places, -torch.inf).logsumexp(dim=1, keepdim=True)  # (B, 1)
    upwards = torch.cat([never, shown.flip(1)], dim=1).logcumsumexp(dim=1)[:, 1:]
    return shown - upwards.flip(1)


def gumbel_top(worth: Tensor, n_ranks: int, generator: torch.Generator) -> Tensor:
    """(B, n) places of lists without rules: the largest of worth plus Gumbel noise.

    The same distribution as drawing rank by rank (Yellott 1977; Kool, van Hoof & Welling,
    ICML 2019), in one sort.

    Args:
        worth: (B, C); -inf = not there. At least n_ranks others.
        n_ranks: n.
        generator: Of the noise.
    """
    noise = -torch.empty_like(worth).exponential_(generator=generator).log()
    return (worth.detach() + noise).topk(n_ranks, dim=1).indices
