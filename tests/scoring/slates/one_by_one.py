"""The draw of docs/ranking.md once more: one list, rank by rank, in plain Python."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from scoring.slates.drawing import Drawing

Row = NDArray[np.float64]


def next_item(
    above: Sequence[int],
    scores: Sequence[float],
    drawing: Drawing,
    *,
    vectors: Row | None = None,
    groups: Sequence[int] | None = None,
    limit: int = 99,
    pins: Mapping[int, int] | None = None,
    members: Sequence[int] = (),
    floor: float = 0.0,
) -> dict[int, float]:
    """Probability of each item at the rank below these ones.

    Args:
        above: Items so far.
        scores: C scores.
        drawing: How.
        vectors: (C, d) unit rows.
        groups: C groups, each at most `limit` times in a list.
        limit: See there.
        pins: Rank from 0 -> item; they fit the caps among themselves.
        members: Of a group of which the first r items hold at least floor(floor * r).
        floor: See there.
    """
    pins = pins or {}
    if len(above) in pins:
        return {pins[len(above)]: 1.0}
    used = Counter(groups[i] for i in {*above, *pins.values()}) if groups else Counter()
    may = [
        i
        for i in range(len(scores))
        if i not in above and i not in pins.values() and (groups is None or used[groups[i]] < limit)
    ]
    had = len([i for i in above if i in members])
    if had < math.floor(floor * (len(above) + 1) + 1e-9):
        may = [i for i in may if i in members] or may
    worth = {i: _worth(i, above, scores, drawing, vectors) for i in may}
    if drawing.draw == "best":
        best = max(may, key=lambda i: (worth[i], -i))
        base = {i: float(i == best) for i in may}
    else:
        most = max(worth.values())
        raw = {i: math.exp((worth[i] - most) / drawing.temperature) for i in may}
        base = {i: raw[i] / sum(raw.values()) for i in may}
    epsilon = drawing.epsilon
    return {i: (1 - epsilon) * base[i] + epsilon / len(may) for i in may}


def _worth(
    i: int, above: Sequence[int], scores: Sequence[float], drawing: Drawing, vectors: Row | None
) -> float:
    share = drawing.relevance_share
    if drawing.diversity == "none" or vectors is None:
        return scores[i]
    if not above:
        return share * scores[i]
    if drawing.diversity == "mmr":
        return share * scores[i] - (1 - share) * max(float(vectors[i] @ vectors[j]) for j in above)
    return share * scores[i] + (1 - share) * (
        _log_volume(vectors[[*above, i]]) - _log_volume(vectors[list(above)])
    )


def _log_volume(rows: Row) -> float:
    return float(np.linalg.slogdet(rows @ rows.T)[1])
