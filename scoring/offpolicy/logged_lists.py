"""Lists that were logged with what they earned, as rectangles: what all estimators start from."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from scoring.offpolicy.terms import Floats


@dataclass(frozen=True, slots=True)
class LoggedLists:
    """n lists of at most K items.

    Attributes:
        ids: (n,) str, recommendation ids, none twice.
        users: (n,) str; lists of one user are not independent.
        items: (n, K) str; '' past a list's end.
        there: (n, K) False past a list's end.
        propensities: (n, K) in (0, 1], of each item given those above it; 1 past a list's end.
        rewards: (n, K) finite; 0 past a list's end.
        simulated: Made up by a program, all of them or none.
    """

    ids: NDArray[np.object_]
    users: NDArray[np.object_]
    items: NDArray[np.object_]
    there: NDArray[np.bool_]
    propensities: Floats
    rewards: Floats
    simulated: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def groups(self) -> NDArray[np.int64]:
        """(n,) codes of the users, from 0."""
        return np.unique(self.users.astype(str), return_inverse=True)[1].astype(np.int64)

    @property
    def totals(self) -> Floats:
        """(n,) reward of each list."""
        found: Floats = self.rewards.sum(axis=1)
        return found

    def part(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> LoggedLists:
        """Some of the lists."""
        kept = {each.name: getattr(self, each.name) for each in fields(self)}
        simulated = kept.pop("simulated")
        return LoggedLists(
            **{name: rectangle[rows] for name, rectangle in kept.items()}, simulated=simulated
        )
