"""Drawn lists -> slates: ids, chances, reasons and effects of rules, in the words of a record."""

from __future__ import annotations

from itertools import repeat
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue
from scoring.candidates import Pool
from scoring.gathered import Gathered
from scoring.interests import SEARCH, Interests
from scoring.policy import INTERESTS, PREDICTED
from scoring.ranking import Scored
from scoring.rules.limits import Pinned
from scoring.rules.names import PIN, Rule
from scoring.slate import ScoredItem, Slate
from scoring.slates.making import Lists

_UNTRAINED: Final[dict[str, float | None]] = {
    "ctr": None,
    "cvr": None,
    "engagement": None,
    "relevance": None,
}
_DECIMALS: Final = 6
_CHANCES: Final = PREDICTED[:-1]  # the last, a value, is none


def slates_of(
    lists: Lists,
    scored: Scored,
    gathered: Gathered,
    reasons: list[list[str]],
    catalogue: Catalogue,
) -> list[Slate]:
    """A slate for each of B users.

    Args:
        lists: Their lists.
        scored: What ordered them.
        gathered: Of the same users.
        reasons: (B, n) words.
        catalogue: Has the ids.
    """
    return [
        Slate(*parts)
        for parts in zip(
            _items(lists, scored, gathered, reasons, catalogue),
            _by_name(gathered.interests),
            gathered.rings.unknown.tolist(),
            _effects(gathered.pool, lists),
            lists.evidence or repeat(None),
            _features(lists, gathered) or repeat(None),
            strict=False,
        )
    ]


def _items(
    lists: Lists,
    scored: Scored,
    gathered: Gathered,
    reasons: list[list[str]],
    catalogue: Catalogue,
) -> list[tuple[ScoredItem, ...]]:
    """(B, n) places -> B tuples of at most n items."""
    places, exists = lists.places, lists.exists
    if not len(gathered.pool.pairs):
        return [() for _ in places]
    ids = catalogue.ids
    positions = gathered.pool.positions[places].tolist()
    totals = scored.totals[places].astype(np.float64).round(_DECIMALS).tolist()
    tasks = _tasks(places, scored, gathered)
    propensities = lists.propensities.tolist()
    slates = []
    for user, n_items in enumerate(exists.sum(axis=1).tolist()):
        item_ids = [ids[position] for position in positions[user]]
        ranks = range(1, n_items + 1)  # the shortest: map ends with it
        columns = (item_ids, ranks, totals[user], tasks[user], propensities[user], reasons[user])
        made = map(ScoredItem, *columns)
        slates.append(tuple(made))
    return slates


def _tasks(
    places: NDArray[np.int64], scored: Scored, gathered: Gathered
) -> list[list[dict[str, float | None]]]:
    """(B, n) what is predicted of each item."""
    n_users, n_items = places.shape
    searching = gathered.interests.confidence[:, SEARCH].tolist()
    cosines = scored.cosines[SEARCH, places].astype(np.float64).round(_DECIMALS).tolist()
    relevance: list[list[float | None]] = [
        row if said else [None] * n_items for row, said in zip(cosines, searching, strict=True)
    ]
    if gathered.chances is None:
        return [
            [_UNTRAINED | {"relevance": each} for each in row] if said else [_UNTRAINED] * n_items
            for row, said in zip(relevance, searching, strict=True)
        ]
    chances = gathered.chances.values[: len(_CHANCES), places]  # (3, B, n)
    values = chances.astype(np.float64).round(_DECIMALS)
    known = [
        (name, task.tolist())
        for name, task in zip(_CHANCES, values, strict=True)
        if not np.isnan(task).any()
    ]
    return [
        [
            _UNTRAINED
            | {"relevance": relevance[user][rank]}
            | {name: task[user][rank] for name, task in known}
            for rank in range(n_items)
        ]
        for user in range(n_users)
    ]


def _features(lists: Lists, gathered: Gathered) -> list[NDArray[np.float32]]:
    """For each user (n, F), what a ranker read of the list's items; nothing without evidence."""
    if gathered.chances is None or not lists.evidence:
        return []
    features = gathered.chances.features
    return [
        features[:, places[exists]].T
        for places, exists in zip(lists.places, lists.exists, strict=True)
    ]


def _by_name(interests: Interests) -> list[dict[str, NDArray[np.float32]]]:
    """The interests of each user that exist, by name."""
    found: list[dict[str, NDArray[np.float32]]] = [{} for _ in interests.confidence]
    for user, kind in zip(*map(np.ndarray.tolist, np.nonzero(interests.confidence)), strict=True):
        found[user][INTERESTS[kind]] = interests.vectors[user, kind]
    return found


def say_pinned(reasons: list[list[str]], lists: Lists, pool: Pool, pinned: Pinned) -> None:
    """Where a pin has put an item, its reason is the pin's."""
    if not len(pinned):
        return
    said = dict(zip(pinned.pairs.tolist(), pinned.reasons, strict=True))
    for user, rank in zip(*map(np.ndarray.tolist, np.nonzero(lists.pinned)), strict=True):
        reasons[user][rank] = said[int(pool.pairs[lists.places[user, rank]])]


def _effects(pool: Pool, lists: Lists) -> list[dict[str, int]]:
    """For each user, name of a rule -> candidates that it took out, or, of pins, put in."""
    found: list[dict[str, int]] = [{} for _ in lists.places]
    for user, rule in zip(*map(np.ndarray.tolist, np.nonzero(pool.struck)), strict=True):
        found[user][Rule(rule).label] = int(pool.struck[user, rule])
    acted = dict(lists.capped)
    if lists.pinned.any():
        acted[PIN] = lists.pinned.sum(axis=1)
    for name, counts in acted.items():
        for user in np.flatnonzero(counts).tolist():
            found[user][name] = int(counts[user])
    return found
