"""Caps while a list is filled: what each group has used up, and where there is room left."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scoring.slates.field import Cap, Drawn


class Limits:
    """How much room the caps leave, while lists grow rank by rank."""

    def __init__(self, caps: Sequence[Cap], shape: tuple[int, ...]) -> None:
        """Of empty lists over (B, C) candidates."""
        self._caps = caps
        self._used = [np.zeros(shape, np.int64) for _ in self._caps]
        self._all = np.ones(shape, np.bool_)

    def reserve(self, pins: NDArray[np.int64], left: NDArray[np.bool_]) -> None:
        """Count the pins, and strike from them those that break a cap or are not there."""
        for rank in np.flatnonzero((pins >= 0).any(axis=0)).tolist():
            users = np.flatnonzero(pins[:, rank] >= 0)
            places = pins[users, rank]
            fits = left[users, places] & self.room()[users, places]
            pins[users[~fits], rank] = -1
            users, places = users[fits], places[fits]
            left[users, places] = False
            taken = np.zeros(len(pins), np.int64)
            taken[users] = places
            acting = np.zeros(len(pins), np.bool_)
            acting[users] = True
            self.count(taken, acting)

    def room(self) -> NDArray[np.bool_]:
        """(B, C) where no cap is reached."""
        found = self._all
        for cap, used in zip(self._caps, self._used, strict=True):
            found = found & (used < cap.limits)
        return found

    def count(self, places: NDArray[np.int64], acting: NDArray[np.bool_]) -> None:
        """One more of the group of (B,) places, for users where this is so."""
        rows = np.arange(len(places))
        for cap, used in zip(self._caps, self._used, strict=True):
            group = np.where(acting, cap.groups[rows, places], -1)
            used += (cap.groups == group[:, None]) & (group >= 0)[:, None]

    def passed_over(
        self, left: NDArray[np.bool_], scores: NDArray[np.float64], drawn: Drawn
    ) -> dict[str, NDArray[np.int64]]:
        """(B,) items left out by each cap that score above the least of the list."""
        if not self._caps:
            return {}
        chosen = np.take_along_axis(scores, drawn.places, axis=1)
        least = np.where(drawn.exists & ~drawn.pinned, chosen, np.inf).min(axis=1, initial=np.inf)
        better = left & (scores > least[:, None])
        return {
            cap.name: (better & (used >= cap.limits)).sum(axis=1)
            for cap, used in zip(self._caps, self._used, strict=True)
        }
