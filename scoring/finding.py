"""How early an encoder finds what was wanted after a search; whether another finds it earlier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from scoring.by_user import Estimate, mean_by_user

_AT_ONCE: Final = 256
"""Queries compared with all items together: 10 MB for 10,000 items."""
_EQUAL: Final = 1e-6
"""BLAS may sum the products of equal vectors in different orders."""


class Tower(Protocol):
    """Queries and items -> unit vectors of one space; `scoring.Encoder` is one."""

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n) -> (n, d)."""

    def encode_items(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n) -> (n, d)."""


def reciprocal_ranks_of_wanted(
    tower: Tower, queries: Sequence[str], wanted: Sequence[str], texts: Sequence[str]
) -> NDArray[np.float64]:
    """1 / rank of each wanted text among all, by cosine; equal scores count half.

    Args:
        tower: Makes the vectors.
        queries: n, in any order; equal ones are encoded once.
        wanted: n, each one of the texts.
        texts: N distinct ones.

    Returns:
        (n,) in (0, 1].
    """
    asked = list(dict.fromkeys(queries))
    items = tower.encode_items(texts)  # (N, d)
    vectors = tower.encode_queries(asked)  # (q, d)
    places = {text: place for place, text in enumerate(texts)}
    of_query: dict[str, list[int]] = {}
    for row, query in enumerate(queries):
        of_query.setdefault(query, []).append(row)
    found = np.empty(len(queries))
    for start in range(0, len(asked), _AT_ONCE):
        some = asked[start : start + _AT_ONCE]
        scores = vectors[start : start + _AT_ONCE] @ items.T  # (b, N)
        for query, row_scores in zip(some, scores, strict=True):
            rows = of_query[query]
            # Each item once: what everybody asks for has a row for everybody.
            asked_for, row_place = np.unique(
                [places[wanted[row]] for row in rows], return_inverse=True
            )
            own = row_scores[asked_for][:, None]  # (w, 1)
            ahead = (row_scores > own + _EQUAL).sum(axis=1)
            equal = (abs(row_scores - own) <= _EQUAL).sum(axis=1) - 1
            found[rows] = (1 / (1 + ahead + equal / 2))[row_place]
    return found


@dataclass(frozen=True, slots=True)
class Gain:
    """Another encoder's mean reciprocal rank less the present one's, on the same searches.

    Attributes:
        n: Wanted items.
        before: Mean reciprocal rank of the present encoder; nan without rows.
        after: Of the other.
        difference: With the error of having just these users.
    """

    n: int
    before: float
    after: float
    difference: Estimate

    @property
    def low(self) -> float:
        """Lower end of the interval of the difference (95 %); nan where there is none."""
        return self.difference.interval[0]


def gain(before: NDArray[np.float64], after: NDArray[np.float64], users: Sequence[str]) -> Gain:
    """Compare in pairs.

    Args:
        before: (n,) reciprocal ranks of the present encoder.
        after: (n,) of the other, on the same rows.
        users: (n,) whose.
    """
    if not len(before):
        return Gain(0, math.nan, math.nan, mean_by_user([], []))
    return Gain(
        len(before), float(before.mean()), float(after.mean()), mean_by_user(after - before, users)
    )
