"""New items for the users of a batch: those nearest to what each likes, or else the most bought."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from index import Corpus
from scoring.interests import LONG_TERM, SEARCH, SHORT_TERM, Interests
from scoring.rules.pairs import pairs_of
from scoring.trends import Trending


def new_pairs(
    trending: Trending,
    audiences: NDArray[np.int64],
    interests: Interests,
    snapshot: Corpus,
    at_most: int,
) -> NDArray[np.int64]:
    """Pairs of each user and so many of the new items; fewer where fewer are new.

    Args:
        trending: Knows what is new.
        audiences: (B,) of the users.
        interests: Of the same users.
        snapshot: Has the vectors.
        at_most: New items for each.
    """
    new = trending.new
    if not len(new) or at_most == 0:
        return np.empty(0, np.int64)
    n = min(at_most, len(new))
    near = trending.relative[np.ix_(audiences, new)]  # (B, m)
    wants = interests.confidence[:, :SEARCH] > 0
    asking = np.flatnonzero(wants.any(axis=1))
    if len(asking):
        rows = snapshot.gather(new)  # (m, d)
        liked = np.full((len(asking), len(new)), -np.inf, np.float32)
        for kind in (SHORT_TERM, LONG_TERM):
            there = wants[asking, kind]
            cosines = interests.vectors[asking[there], kind] @ rows.T
            liked[there] = np.maximum(liked[there], cosines)
        near[asking] = liked
    best = np.argpartition(-near, n - 1, axis=1)[:, :n]
    return pairs_of(np.arange(len(near))[:, None], new[best]).ravel()
