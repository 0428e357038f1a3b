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

    Groups of one kind, which is what a name has before its colon, share no item: an item has one
    category. Where several of them fall due together, the ranks up to there are theirs as soon as
    there are no more than they need, so all come in time.

    Where no item of the group may come (none is left, or caps leave no room), the rank goes to the
    others, and the group's turn comes as soon as there is one. Of several kinds, one that leaves
    nothing of what those before it left does not act.

    Attributes:
        acted: Name -> (B,) ranks at which it left out something that else might have come.
    """

    def __init__(self, floors: Sequence[Floor], n_users: int, n_ranks: int) -> None:
        """Of empty lists of so many ranks."""
        kinds: dict[str, list[Floor]] = {}
        for floor in floors:
            kinds.setdefault(floor.name.partition(":")[0], []).append(floor)
        self._kinds = [_Kind(each, n_users, n_ranks) for each in kinds.values()]
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
        found = may
        for kind in self._kinds:
            due = kind.due(rank, may)  # (G, B)
            inside = found & (kind.members & due[:, :, None]).any(axis=0)
            acts = ~pinned & inside.any(axis=1) & (found & ~inside).any(axis=1)
            found = np.where(acts[:, None], inside, found)
            for name, of_group in zip(kind.names, due, strict=True):
                self.acted[name] += acts & of_group
        return found

    def count(self, places: NDArray[np.int64], exists: NDArray[np.bool_]) -> None:
        """(B,) places were taken, by users whose list goes on; pinned ones, too."""
        users = np.arange(len(places))
        for kind in self._kinds:
            kind.had += kind.members[:, users, places] & exists


class _Kind:
    """G groups without a common item.

    Attributes:
        names: G.
        members: (G, B, C).
        had: (G, B) of each so far.
    """

    def __init__(self, floors: Sequence[Floor], n_users: int, n_ranks: int) -> None:
        self.names = [floor.name for floor in floors]
        self.members = np.stack([floor.members for floor in floors])
        self.had = np.zeros((len(floors), n_users), np.int64)
        shares = np.array([floor.share for floor in floors])
        self._least = (shares[:, None] * np.arange(1, n_ranks + 1) + _ROUNDING).astype(np.int64)

    def due(self, rank: int, may: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(G, B) groups of which one must come at this rank, or too few can up to a later one."""
        there = (self.members & may).sum(axis=2)  # (G, B)
        lacking = self._least[:, None, rank:] - self.had[:, :, None]  # (G, B, ranks left)
        lacking = np.clip(lacking, 0, there[:, :, None])
        full = lacking.sum(axis=0) > np.arange(lacking.shape[2])  # (B, ranks left)
        first = full.argmax(axis=1)
        found: NDArray[np.bool_] = lacking[:, np.arange(len(first)), first] > 0
        found &= full.any(axis=1)
        return found
