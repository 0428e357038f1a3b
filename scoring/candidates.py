"""From interests to the pairs (user, item) worth scoring: search, merge, rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index import Candidates, Catalogue, Corpus
from scoring.held import Masks, drop_others, fill_held, search_held
from scoring.interests import LONG_TERM, SEARCH, SHORT_TERM, Interests
from scoring.policy import INTERESTS, MARKS, TRENDING, Policy
from scoring.purchases import Purchases
from scoring.rules import POSITION_MASK, USER_SHIFT, Forbidden, firsts, pairs_of, places_in


@dataclass(frozen=True, slots=True)
class Retrieved:
    """What the index answered to the Q interests that exist in a batch.

    Attributes:
        users: (Q,) whose interest.
        kinds: (Q,) which interest, a place in `policy.INTERESTS`.
        found: (Q, k) candidates.
        search_hits: (B,) True where a search found something.
    """

    users: NDArray[np.int64]
    kinds: NDArray[np.int64]
    found: Candidates
    search_hits: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pool:
    """M pairs that may be in a list, user by user, each user's items in order of position.

    Attributes:
        pairs: (M,) sorted int64, see `rules.pairs_of`.
        users: (M,).
        positions: (M,).
        starts: (B + 1,) user b has the pairs starts[b] to starts[b + 1].
        struck: (B, rules) candidates that each `Rule` took out.
        marks: (M,) who brought each, a bit for each of `policy.MARKS`; None where nobody asked.
    """

    pairs: NDArray[np.int64]
    users: NDArray[np.int64]
    positions: NDArray[np.int64]
    starts: NDArray[np.int64]
    struck: NDArray[np.int64]
    marks: NDArray[np.uint16] | None = None


def retrieve(
    interests: Interests, snapshot: Corpus, policy: Policy, masks: Masks | None = None
) -> Retrieved:
    """Search with the interests of the whole batch at once; what was typed, with more effort.

    Whose short-term and long-term interest nearly agree (a newcomer after some clicks) would find
    the same items twice, so only one of the two is searched.
    """
    asked = interests.confidence > 0
    agreement = np.vecdot(interests.vectors[:, SHORT_TERM], interests.vectors[:, LONG_TERM])
    asked[agreement > policy.search_once_above, LONG_TERM] = False
    users, kinds = np.nonzero(asked)
    hits = np.zeros(len(interests.confidence), np.bool_)
    if not len(users):
        none = np.empty((0, policy.candidates), np.int64)
        return Retrieved(users, kinds, Candidates(none, none.astype(np.float32)), hits)
    queries = interests.vectors[users, kinds]
    efforts = np.where(kinds == SEARCH, policy.search_effort, 1.0)
    found = search_held(snapshot, queries, users, efforts, policy.candidates, masks or {})
    for kind, name in enumerate(INTERESTS):
        if name in policy.quotas:
            found.positions[kinds == kind, policy.quotas[name] :] = -1
    searches = kinds == SEARCH
    hits[users[searches]] = found.scores[searches, 0] >= policy.search_hit
    return Retrieved(users, kinds, found, hits)


def merge(
    retrieved: Retrieved,
    purchases: Purchases,
    fillings: Sequence[NDArray[np.int64]],
    audiences: NDArray[np.int64],
    forbidden: Forbidden,
    catalogue: Catalogue,
    policy: Policy,
    masks: Masks | None = None,
    brought: Mapping[str, NDArray[np.int64]] | None = None,
    *,
    with_marks: bool = False,
) -> Pool:
    """All sources of candidates, each pair once, the rules applied.

    Sources: what each interest found (a search without a hit gives nothing), what the user bought,
    what others bring, and as many popular items as fill a user's list when that user's rules strike
    all that they can: nobody's candidates depend on who else is in the batch.

    Args:
        retrieved: For B users.
        purchases: Of the same users.
        fillings: For each audience, the most popular items.
        audiences: (B,) of the users.
        forbidden: From `rules.forbidden_pairs`.
        catalogue: Of the snapshot.
        policy: Length of a list.
        masks: From `held.masks_of`.
        brought: Pairs of other sources, by their name in `policy.MARKS`.
        with_marks: Whether the pool shall say who brought what.
    """
    n_users = len(retrieved.search_hits)
    useful = (retrieved.kinds != SEARCH) | retrieved.search_hits[retrieved.users]
    found = retrieved.found.positions[useful]  # (q, k)
    searched = pairs_of(retrieved.users[useful, None], found)
    bought = ~purchases.returned
    n_filling = policy.slate_size + forbidden.counts
    sources = {
        "bought": pairs_of(purchases.owners[bought], purchases.positions[bought]),
        "popular": np.concatenate(
            [
                *_fill(fillings, audiences, n_filling),
                *fill_held(fillings[0], n_filling, masks or {}),
            ]
        ),
        **(brought or {}),
    }
    pairs = np.concatenate([searched[found >= 0], *sources.values()])
    pairs.sort()
    pairs = pairs[firsts(pairs)]
    may, struck = forbidden.strike(pairs, catalogue)
    pairs = drop_others(pairs[may], masks or {})
    marks = None
    if with_marks:
        kinds = retrieved.kinds[useful]
        for kind, name in enumerate(INTERESTS):
            sources[name] = searched[kinds == kind][found[kinds == kind] >= 0]
        marks = _marks(pairs, sources)
    users = pairs >> USER_SHIFT
    starts = np.searchsorted(users, np.arange(n_users + 1))
    return Pool(pairs, users, pairs & POSITION_MASK, starts, struck, marks)


def best_of(
    fillings: Sequence[NDArray[np.int64]], audiences: NDArray[np.int64], policy: Policy
) -> NDArray[np.int64]:
    """Pairs of each user and what is trending for the user's audience, as the quota allows."""
    quota = np.full(len(audiences), policy.quotas.get("trending", TRENDING))
    found = _fill(fillings, audiences, quota)
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _fill(
    fillings: Sequence[NDArray[np.int64]], audiences: NDArray[np.int64], n: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Pairs of each of B users and so many, (B,), of the most popular items of their audience."""
    found = []
    for audience, popular in enumerate(fillings):
        users = np.flatnonzero(audiences == audience)
        if len(users):
            most = popular[: n[users].max()]
            wanted = np.arange(len(most)) < n[users, None]
            found.append(pairs_of(users[:, None], most)[wanted])
    return found


def _marks(
    pairs: NDArray[np.int64], sources: Mapping[str, NDArray[np.int64]]
) -> NDArray[np.uint16]:
    """(M,) a bit for each source that brought the pair."""
    marks = np.zeros(len(pairs), np.uint16)
    if len(pairs):
        for name, brought in sources.items():
            at, there = places_in(pairs, brought)
            marks[at[there]] |= np.uint16(1 << MARKS.index(name))
    return marks
