"""Floors while a list is filled: where a group has had too little so far, only it may come next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scoring.slates.field import Floor

_ROUNDING = 1e-9


class Floors:
    """Of the first r items of each list, at least floor(share * r) are of the group, for every r.

    So a group cannot be put at the end of a list, where nobody looks. The rule of FA*IR (Zehlike et
    al., CIKM 2017), its table of least numbers being the plain share. It narrows what a rank is
    drawn from, and so the propensity of what is drawn is exact.

    Where no item of the group may come (none is left, or caps leave no room), the rank goes to the
    others, and the group's turn comes as soon as there is one. Of several floors, one that leaves
    nothing of what those before it left does not act.

    Attributes:
        acted: Name -> (B,) ranks at which it left out something that else might have come.
    """

    def __init__(self, floors: Sequence[Floor], n_users: int) -> None:
        """Of empty lists."""
        self._floors = floors
        self._had = [np.zeros(n_users, np.int64) for _ in floors]
        self.acted = {floor.name: np.zeros(n_users, np.int64) for floor in floors}

    def narrow(
        self, rank: int, may: NDArray[np.bool_], pinned: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """(B, C) candidates of a rank -> those that the floors leave, at least one where there was.

        Args:
            rank: From 0.
            may: Candidates of it.
            pinned: (B,) users whose rank a pin fills: nothing is left out there.
        """
        for floor, had in zip(self._floors, self._had, strict=True):
            short = had < int(floor.share * (rank + 1) + _ROUNDING)
            inside = may & floor.members
            acts = short & ~pinned & inside.any(axis=1) & (may & ~floor.members).any(axis=1)
            may = np.where(acts[:, None], inside, may)
            self.acted[floor.name] += acts
        return may

    def count(self, places: NDArray[np.int64], exists: NDArray[np.bool_]) -> None:
        """(B,) places were taken, by users whose list goes on; pinned ones, too."""
        rows = np.arange(len(places))
        for floor, had in zip(self._floors, self._had, strict=True):
            had += floor.members[rows, places] & exists
