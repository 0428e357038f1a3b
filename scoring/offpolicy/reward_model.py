"""What an item earns at a rank, as the model behind DM and DR: one ridge regression a rank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.offpolicy.followed import Followed
from scoring.offpolicy.terms import Floats

N_FOLDS: Final = 2
_RIDGE: Final = 1.0
"""Rows' worth of a coefficient of 0."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """Rewards that the model expects, of n lists by K ranks; 0 past the end of those lists.

    Attributes:
        shown: (n, K) of the logged items.
        expected: (n, K) under the target, given the logged items above.
        ahead: (n, K) under the target, over its own lists.
    """

    shown: Floats
    expected: Floats
    ahead: Floats

    @property
    def after(self) -> Floats:
        """(n, K) what the target's lists earn below each rank, whatever stands above."""
        below: Floats = self.ahead[:, ::-1].cumsum(axis=1)[:, ::-1] - self.ahead
        return below


def cross_fitted(
    followed: Followed, rewards: Floats, there: NDArray[np.bool_], groups: NDArray[np.int64]
) -> Predicted:
    """Predictions for each user from a model of the other half of the users.

    Linear in an item's standardised score, the square of it and the target's score, with
    coefficients of each rank. So its mean under a policy is a product with means of features, and
    DM and DR need no table of all items. It need not be right for DR, only for DM.
    (Cross-fitting: Chernozhukov et al. 2018.)

    Args:
        followed: Features and their means.
        rewards: (n, K).
        there: (n, K).
        groups: (n,) codes of users.
    """
    shape = rewards.shape
    found = Predicted(np.zeros(shape), np.zeros(shape), np.zeros(shape))
    n_features = followed.shown.shape[2]
    for fold in range(N_FOLDS):
        mine = groups % N_FOLDS == fold
        for rank in range(shape[1]):
            rows = ~mine & there[:, rank]
            x, y = followed.shown[rows, rank], rewards[rows, rank]
            penalty = _RIDGE * np.eye(n_features)
            penalty[0, 0] = 1e-9  # the mean is not drawn to 0
            coefficients = np.linalg.solve(x.T @ x + penalty, x.T @ y)
            asked = mine & there[:, rank]
            found.shown[asked, rank] = followed.shown[asked, rank] @ coefficients
            found.expected[asked, rank] = followed.expected[asked, rank] @ coefficients
            found.ahead[mine, rank] = followed.ahead[mine, rank] @ coefficients
    return found
