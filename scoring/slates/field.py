"""What the lists of a batch are drawn from: padded columns of candidates, caps and pins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

UNLIMITED: Final = 1_000


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many items of a group in one list.

    Attributes:
        name: Of the rule.
        groups: (B, C) group of each candidate, -1 = none.
        limits: (B, C) how many of its group; `UNLIMITED` where there is no limit.
    """

    name: str
    groups: NDArray[np.int64]
    limits: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Floor:
    """Of the first r items of a list at least floor(share * r) belong to a group, for every r.

    Attributes:
        name: Of the rule.
        members: (B, C) whether a candidate belongs.
        share: Above 0, at most 1.
    """

    name: str
    members: NDArray[np.bool_]
    share: float


@dataclass(frozen=True, slots=True)
class Field:
    """Candidates of B users, C places each; the hard rules have been applied.

    Attributes:
        scores: (B, C) float64.
        there: (B, C) False where a user has no candidate at that place.
        caps: What a list must keep to.
        pins: (B, n) place of the item that is pinned to each rank, -1 = none; no place twice.
        vectors: B arrays (C_b, d) of unit rows, where diversity needs them; C_b at most C.
        features: B arrays (C_b, F) whose weighted sums are the scores, where a draw varies weights.
        floors: What a list must have of some groups.
    """

    scores: NDArray[np.float64]
    there: NDArray[np.bool_]
    caps: Sequence[Cap] = ()
    pins: NDArray[np.int64] | None = None
    vectors: Sequence[NDArray[np.float32]] = field(default_factory=tuple)
    features: Sequence[NDArray[np.float64]] = field(default_factory=tuple)
    floors: Sequence[Floor] = ()


@dataclass(frozen=True, slots=True)
class Drawn:
    """The lists of B users.

    Attributes:
        places: (B, n) places among the candidates; 0 where a list has ended.
        exists: (B, n) False where a list has ended.
        propensities: (B, n) probability of the item at its rank, given those above it.
        pinned: (B, n) True where a pin put the item there.
        capped: Name of a cap -> (B,) items that were passed over for it; of a floor -> (B,) ranks
            at which others were.
    """

    places: NDArray[np.int64]
    exists: NDArray[np.bool_]
    propensities: NDArray[np.float64]
    pinned: NDArray[np.bool_]
    capped: dict[str, NDArray[np.int64]]
