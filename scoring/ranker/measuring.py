"""How good a ranking of past lists is, and how honest its chances are."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.measures import calibration_gap
from scoring.ranker.lists import Lists

TOP: Final = 20
_GAIN: Final = 1 / np.log2(np.arange(2, TOP + 2))
_BEST: Final = np.concatenate([[0.0], np.cumsum(_GAIN)])


def ndcg(lists: Lists, scores: NDArray[np.floating], *, of_new: bool) -> NDArray[np.float64]:
    """(G,) nDCG@20 of each list, nan where nothing could be found.

    Args:
        lists: With all candidates.
        scores: (M,) higher comes first, equal ones as they come.
        of_new: Rank and want only what the user had not bought before.
    """
    n_wanted = lists.counts[1 if of_new else 0]
    found = np.full(len(lists), np.nan)
    for g, (start, end) in enumerate(pairwise(lists.starts.tolist())):
        if not n_wanted[g]:
            continue
        order = start + np.argsort(-scores[start:end], kind="stable")
        if of_new:
            order = order[lists.new[order]]
        hits = lists.wanted[order[:TOP]]
        found[g] = hits @ _GAIN[: len(hits)] / _BEST[min(n_wanted[g], TOP)]
    return found


def measures(
    lists: Lists, scores: NDArray[np.floating], chances: NDArray[np.floating]
) -> dict[str, float]:
    """Means over lists at a basket's start, in its midst (`rest`), and of chances.

    Args:
        lists: With all candidates.
        scores: (M,) by which they are ranked.
        chances: (M,) of being bought.
    """
    found = {}
    midst = lists.counts[3] > 0
    for name, chosen in (("ndcg@20", ~midst), ("rest ndcg@20", midst)):
        if chosen.any():
            for suffix, of_new in (("", False), (" new", True)):
                values = ndcg(lists, scores, of_new=of_new)[chosen]
                if not np.isnan(values).all():
                    found[name + suffix] = float(np.nanmean(values))
    if lists.wanted.any():
        found["ece"] = calibration_gap(chances, lists.wanted)
        found["log loss"] = _log_loss(chances, lists.wanted)
        rate = np.full(len(chances), lists.wanted.mean())
        found["log loss of the rate"] = _log_loss(rate, lists.wanted)
    return found


def _log_loss(chances: NDArray[np.floating], happened: NDArray[np.bool_]) -> float:
    sure = np.clip(np.asarray(chances, np.float64), 1e-9, 1 - 1e-9)
    return float(-np.log(np.where(happened, sure, 1 - sure)).mean())
