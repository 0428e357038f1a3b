"""Old rows to learn again: a uniform sample of all that ever came (Vitter 1985, algorithm R)."""

from __future__ import annotations

import numpy as np

from scoring.online.examples import Examples


class Reservoir:
    """At most `size` rows; which ones depends on the rows and the seed alone."""

    def __init__(self, size: int, empty: Examples, rng: np.random.Generator) -> None:
        """Begin with none.

        Args:
            size: At most so many.
            empty: Of the right shape.
            rng: Shared with its owner, who keeps its state.
        """
        self._size = size
        self._rng = rng
        self.rows = empty
        self.n_seen = 0

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, rows: Examples) -> None:
        """Offer rows, in their order."""
        if not self._size:
            return
        room = min(self._size - len(self.rows), len(rows))
        if room:
            self.rows = Examples.joined([self.rows, rows.part(slice(0, room))])
            self.n_seen += room
        rest = rows.part(slice(room, None))
        if not len(rest):
            return
        n_before = self.n_seen + np.arange(len(rest))
        places = self._rng.integers(0, n_before + 1)  # (r,) each in [0, rows seen before it]
        self.n_seen += len(rest)
        kept = np.flatnonzero(places < self._size)
        # Of several for one place the last stays.
        for place, row in dict(zip(places[kept].tolist(), kept.tolist(), strict=True)).items():
            for mine, theirs in (
                (self.rows.features, rest.features),
                (self.rows.codes, rest.codes),
                (self.rows.targets, rest.targets),
                (self.rows.ranks, rest.ranks),
            ):
                mine[place] = theirs[row]

    def draw(self, n: int) -> Examples:
        """So many, each by chance, with repetition; none while there are none."""
        if not len(self.rows):
            return self.rows
        return self.rows.part(self._rng.integers(0, len(self.rows), n))

    def restore(self, rows: Examples, n_seen: int) -> None:
        """Go on from what was kept; of more than `size`, a uniform sample stays."""
        kept = np.arange(len(rows))
        if len(rows) > self._size:
            kept = self._rng.permutation(len(rows))[: self._size]
        self.rows = rows.part(kept)  # a copy: rows are replaced in place
        self.n_seen = n_seen
