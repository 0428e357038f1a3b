"""A training penalty on the worst group of users: weights of groups that follow their losses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

MOST: Final = 5.0
"""A list counts at most so many times what it counts in a plain mean, however small its group."""

_SHARE_OF_STEP: Final = 0.05
"""Of a step in the running mean of a group's loss: a step has one or two lists of a small group."""


class WorstGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which groups, and how fast weights go to the worst of them; see `GroupWeights`.

    Attributes:
        by: familiarity = how many baskets the user had bought before; region = where the user is.
        step: Of the weights, for each step of the network.
    """

    by: Literal["familiarity", "region"] = "familiarity"
    step: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.001


class GroupWeights:
    """Group distributionally robust optimisation (Sagawa et al., ICLR 2020, algorithm 1).

    Minimises ``max over q of  Σ_g q_g · loss_g``, q a distribution over groups, by turns: one step
    of the network down, one step of q up, ``q_g ∝ q_g · exp(step · loss_g)``. Three things are not
    as there. q begins with the groups' shares of the lists, so that a step of 0 is the plain mean.
    Steps are of lists as they come, not of one group, so a list of group g weighs q_g / share_g,
    and q follows running means of losses. And q_g stays below `MOST` times the share: the worst
    case is over mixtures that hold every group to that (the conditional value at risk of groups,
    at level 1 / `MOST`), and a group of few lists cannot rule a training.

    Attributes:
        names: G groups.
        shares: (G,) of the lists, adding up to 1.
        weights: (G,) q, adding up to 1.
        losses: (G,) running means, nan before a group was met.
    """

    def __init__(self, groups: Mapping[str, Sequence[int]], n_lists: int, step: float) -> None:
        """Begin with the plain mean.

        Args:
            groups: Name -> its lists; a list is in one of them at most.
            n_lists: Those in no group are one more.
            step: η, at least 0.
        """
        self.names = list(groups)
        self._group = np.full(n_lists, -1)
        for number, lists in enumerate(groups.values()):
            self._group[np.asarray(lists, np.int64)] = number
        if (self._group < 0).any():
            self._group[self._group < 0] = len(self.names)
            self.names.append("other users")
        self.shares = np.bincount(self._group, minlength=len(self.names)) / n_lists
        self.weights = self.shares.copy()
        self.losses = np.full(len(self.names), np.nan)
        self._step = step

    def follow(self, lists: NDArray[np.int64], losses: NDArray[np.floating]) -> NDArray[np.float64]:
        """Take a step of q by what some lists have lost, and say what each of them weighs now.

        Args:
            lists: (n,) numbers of lists.
            losses: (n,) theirs.

        Returns:
            (n,) with a mean of 1 over all lists: multiply, and take the plain mean.
        """
        group = self._group[lists]
        n_met = np.bincount(group, minlength=len(self.names))
        met = n_met > 0
        means = np.bincount(group, losses, minlength=len(self.names))[met] / n_met[met]
        old = self.losses[met]
        moved = old + _SHARE_OF_STEP * (means - old)
        self.losses[met] = np.where(np.isnan(old), means, moved)
        known = np.where(np.isnan(self.losses), np.nanmean(self.losses), self.losses)
        risen = self.weights * np.exp(self._step * (known - known.max()))
        self.weights = bounded(risen / risen.sum(), MOST * self.shares)
        found: NDArray[np.float64] = (self.weights / self.shares)[group]
        return found


def bounded(weights: NDArray[np.float64], most: NDArray[np.float64]) -> NDArray[np.float64]:
    """The distribution nearest to another (Kullback-Leibler) of which no weight is above its bound.

    Args:
        weights: (G,) adding up to 1.
        most: (G,) adding up to 1 or more.
    """
    found = weights.copy()
    full = np.zeros(len(weights), np.bool_)
    while (over := ~full & (found > most * (1 + 1e-12))).any():
        full |= over
        found[full] = most[full]
        rest = found[~full].sum()
        if rest > 0:
            found[~full] *= (1.0 - found[full].sum()) / rest
    return found
