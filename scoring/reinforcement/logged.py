"""The joined log as lists to learn from: shown items, propensities, what came of each over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.errors import RowsError
from scoring.joined_log import JoinedLog
from scoring.worth import WORTH


@dataclass(frozen=True, slots=True)
class LoggedLists:
    """L lists, padded to n ranks.

    Attributes:
        features: (L, n, F) float32 of the shown items.
        logged: (L, n) float32, log propensities.
        free: (L, n) bool: there is an item, and it was drawn (a pin has propensity 1).
        examined: (L, n) bool.
        clicks: (L, n) float32, 0 or 1.
        purchases: (L, n) float32.
        item_rewards: (L, n) float32.
        later: (L,) float32, discounted rewards of the user's later lists.
    """

    features: Tensor
    logged: Tensor
    free: Tensor
    examined: Tensor
    clicks: Tensor
    purchases: Tensor
    item_rewards: Tensor
    later: Tensor

    def __len__(self) -> int:
        return len(self.later)

    @classmethod
    def of(cls, log: JoinedLog, discount: float, pause_s: float) -> Self:
        """Lists of a log.

        Args:
            log: In its order.
            discount: γ of a visit; lists of one visit are not discounted to each other.
            pause_s: Lists of a user that are less apart belong to one visit.

        Raises:
            RowsError: Nothing to learn from: no list, or none with a draw in it.
        """
        if not len(log):
            raise RowsError("the log has no list that was shown")
        starts = log.lists
        lengths = np.diff(starts)
        shape = (len(lengths), int(lengths.max()))
        of_list = np.repeat(np.arange(shape[0]), lengths)
        place = np.arange(len(log)) - starts[of_list]

        def spread(column: NDArray[np.generic], empty: float = 0.0) -> Tensor:
            padded = np.full((*shape, *column.shape[1:]), empty, np.float32)
            padded[of_list, place] = column
            return torch.from_numpy(padded)

        rewards = WORTH.of(log.clicked, log.carted, log.purchased, log.dwell_ms / 1_000.0)
        free = spread(log.propensity, 1.0) < 1.0
        if not bool(free.any()):
            raise RowsError(
                "every propensity is 1: a log of lists that nobody drew says nothing of others; "
                "let workers draw (RILLSTREAM_DRAW=softmax) and log again"
            )
        own = np.bincount(of_list, rewards, shape[0]).astype(np.float64)
        first = starts[:-1]
        later = later_rewards(own, log.user_id[first], log.at_ms[first], discount, pause_s)
        return cls(
            spread(log.features),
            spread(np.log(log.propensity)),
            free,
            spread(log.examined) > 0,
            spread(log.clicked),
            spread(log.purchased),
            spread(rewards),
            torch.from_numpy(later),
        )


def later_rewards(
    rewards: NDArray[np.float64],
    users: NDArray[np.object_],
    at_ms: NDArray[np.int64],
    discount: float,
    pause_s: float,
) -> NDArray[np.float32]:
    """What each list's user earned with later lists, discounted by γ a visit.

    Args:
        rewards: (L,) of each list, ordered by time.
        users: (L,) whose.
        at_ms: (L,) when.
        discount: γ.
        pause_s: Of one visit, as above.

    Returns:
        (L,) float32, `γ^visits · (reward + later)` of the user's next list; 0 for the last.
    """
    found = np.zeros(len(rewards), np.float32)
    following: dict[object, tuple[int, float]] = {}  # user -> time of the next list, its return
    for row in range(len(rewards) - 1, -1, -1):
        user, at = users[row], int(at_ms[row])
        if user in following:
            next_ms, earned = following[user]
            found[row] = earned if next_ms - at < pause_s * 1000 else discount * earned
        following[user] = (at, float(rewards[row] + found[row]))
    return found
