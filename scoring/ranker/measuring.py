"""How good a ranking of past lists is, and how honest its chances are."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.list_measures import ndcg
from scoring.measures import calibration_gap
from scoring.ranker.lists import Lists
from scoring.user_groups import by_familiarity, by_label

TOP: Final = 20


def ndcg_of(lists: Lists, scores: NDArray[np.floating], *, of_new: bool) -> NDArray[np.float64]:
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
        found[g] = ndcg(lists.wanted[order], int(n_wanted[g]), TOP)
    return found


def measures(
    lists: Lists, scores: NDArray[np.floating], chances: NDArray[np.floating]
) -> dict[str, float]:
    """Means over lists at a basket's start, in its midst (`rest`), by group, and of chances.

    Args:
        lists: With all candidates.
        scores: (M,) by which they are ranked.
        chances: (M,) of being bought.
    """
    found = {}
    midst = lists.counts[3] > 0
    of_all, of_new = (ndcg_of(lists, scores, of_new=new) for new in (False, True))
    for name, chosen in (("ndcg@20", ~midst), ("rest ndcg@20", midst)):
        for suffix, values in (("", of_all[chosen]), (" new", of_new[chosen])):
            if not np.isnan(values).all():
                found[name + suffix] = float(np.nanmean(values))
    found |= _by_group(lists, of_all, ~midst)
    if lists.wanted.any():
        found["ece"] = calibration_gap(chances, lists.wanted)
        found["log loss"] = _log_loss(chances, lists.wanted)
        rate = np.full(len(chances), lists.wanted.mean())
        found["log loss of the rate"] = _log_loss(rate, lists.wanted)
    return found


def groups_of(lists: Lists, by: str) -> dict[str, list[int]]:
    """Name of a group of users -> its lists, by `familiarity` or `region`."""
    if by == "region":
        return by_label(lists.regions, "other regions")
    return by_familiarity(lists.counts[2].tolist())


def _by_group(
    lists: Lists, values: NDArray[np.float64], chosen: NDArray[np.bool_]
) -> dict[str, float]:
    """Mean nDCG of each group's lists at a basket's start, where there is more than one group."""
    found = {}
    for by in ("familiarity", "region"):
        groups = groups_of(lists, by)
        for name, rows in groups.items() if len(groups) > 1 else ():
            of_group = values[rows][chosen[rows]]
            if not np.isnan(of_group).all():
                found[f"ndcg@20 of {name}"] = float(np.nanmean(of_group))
    return found


def _log_loss(chances: NDArray[np.floating], happened: NDArray[np.bool_]) -> float:
    sure = np.clip(np.asarray(chances, np.float64), 1e-9, 1 - 1e-9)
    return float(-np.log(np.where(happened, sure, 1 - sure)).mean())
