"""Lists held to conditions: which rows of a catalogue the list of a user may come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from index import Candidates, Catalogue, Corpus, Filter
from scoring.rules import POSITION_MASK, USER_SHIFT, pairs_of
from scoring.slate import Request

Masks: TypeAlias = Mapping[int, NDArray[np.bool_]]
"""User of the batch -> (rows of the catalogue,) which may be in the list; others are not held."""


def masks_of(requests: Sequence[Request], catalogue: Catalogue) -> Masks:
    """The masks of a batch; users with equal filters share one."""
    made: dict[Filter, NDArray[np.bool_] | None] = {}
    masks = {}
    for user, request in enumerate(requests):
        if request.filter is None:
            continue
        if request.filter not in made:
            made[request.filter] = request.filter.mask(catalogue)
        mask = made[request.filter]
        if mask is not None:
            masks[user] = mask
    return masks


def search_held(
    corpus: Corpus,
    queries: NDArray[np.float32],
    users: NDArray[np.int64],
    efforts: NDArray[np.float64],
    k: int,
    masks: Masks,
) -> Candidates:
    """Top-k rows of each query that its user may be shown; queries that are alike in one search.

    Args:
        corpus: What is searched.
        queries: (Q, d).
        users: (Q,) whose query.
        efforts: (Q,) see `Snapshot.search`.
        k: How many.
        masks: Of the batch.
    """
    if not masks and (efforts == efforts[0]).all():
        return corpus.search(queries, k, effort=float(efforts[0]))
    positions = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    groups: dict[tuple[int, float], list[int]] = {}
    for row, (user, effort) in enumerate(zip(users.tolist(), efforts.tolist(), strict=True)):
        groups.setdefault((id(masks.get(user)), effort), []).append(row)
    for (_, effort), rows in groups.items():
        mask = masks.get(int(users[rows[0]]))
        found = corpus.search(queries[rows], k, effort=effort, allowed=mask)
        positions[rows], scores[rows] = found.positions, found.scores
    return Candidates(positions, scores)


def fill_held(
    popular: NDArray[np.int64], n: NDArray[np.int64], masks: Masks
) -> list[NDArray[np.int64]]:
    """Pairs of each held user and so many, (B,), of the most popular items that may be shown."""
    return [
        pairs_of(np.int64(user), popular[mask[popular]][: n[user]])  # type: ignore[arg-type]
        for user, mask in masks.items()
    ]


def drop_others(pairs: NDArray[np.int64], masks: Masks) -> NDArray[np.int64]:
    """The sorted pairs without those of held users that may not be shown."""
    if not masks:
        return pairs
    keep = np.ones(len(pairs), np.bool_)
    for user, mask in masks.items():
        start, end = np.searchsorted(pairs, [user << USER_SHIFT, (user + 1) << USER_SHIFT])
        keep[start:end] = mask[pairs[start:end] & POSITION_MASK]
    return pairs[keep]
