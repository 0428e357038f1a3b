"""The documented weighted sum, and the best of each user by it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Corpus
from scoring.candidates import Pool
from scoring.errors import PolicyError
from scoring.float_order import ordered
from scoring.interests import LONG_TERM, SEARCH, Interests
from scoring.policy import INTERESTS, LEARNED_TERMS, SUM_TERMS, Policy
from scoring.purchases import Purchases
from scoring.related.source import Related
from scoring.rules import pairs_of, places_in

POPULARITY: Final = 3
REPEAT: Final = 4
RELATED: Final = 5

_NOTHING: Final = np.iinfo(np.int64).min
_LOW: Final = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Scored:
    """The weighted sum of M pairs, and what it is a sum of.

    Attributes:
        terms: (F, M) weighted terms: `SUM_TERMS`, or `LEARNED_TERMS`.
        cosines: (3, M) to the three interests, 0 where there is none.
        totals: (M,) sums of the terms.
    """

    terms: NDArray[np.float32]
    cosines: NDArray[np.float32]
    totals: NDArray[np.float32]


def require_terms(policy: Policy, *, learned: bool) -> None:
    """Refuse beliefs of other terms than those that would order lists.

    Args:
        policy: Which may have some.
        learned: Whether a ranker's sum orders lists, and not the documented one.

    Raises:
        PolicyError: They are of the other sum.
    """
    terms = LEARNED_TERMS if learned else SUM_TERMS
    if policy.beliefs is not None and len(policy.beliefs.mean) != len(terms):
        raise PolicyError(
            f"the policy's beliefs are of {len(policy.beliefs.mean)} terms, lists are ordered by "
            f"{len(terms)} ({', '.join(terms)}): learn them from lists that were made so"
        )


def score(
    pool: Pool,
    interests: Interests,
    search_hits: NDArray[np.bool_],
    purchases: Purchases,
    snapshot: Corpus,
    popularity: NDArray[np.float32],
    related: Related | None,
    policy: Policy,
) -> Scored:
    """Score every pair of the pool.

    Args:
        pool: M pairs of B users.
        interests: Of these users.
        search_hits: (B,) a search without a hit has no say.
        purchases: Of these users.
        snapshot: Has the vectors.
        popularity: (M,) of each pair's item to its user's audience, 0 to 1.
        related: From `related.source`; None = there is no table.
        policy: Weights.
    """
    cosines = _cosines(pool, interests, snapshot)
    say = interests.confidence * np.array(
        [policy.weight_short_term, policy.weight_long_term, policy.weight_search], np.float32
    )  # (B, 3)
    say[~search_hits, SEARCH] = 0.0
    terms = np.empty((len(SUM_TERMS), len(pool.pairs)), np.float32)
    np.multiply(cosines, say.T[:, pool.users], out=terms[:POPULARITY])
    np.multiply(popularity, np.float32(policy.weight_popularity), out=terms[3])
    np.multiply(_repeats(pool, purchases, policy), np.float32(policy.weight_repeat), out=terms[4])
    together = interests.confidence[pool.users, LONG_TERM] * np.float32(policy.weight_related)
    np.multiply(_shares(pool, related), together, out=terms[RELATED])
    return Scored(terms, cosines, terms.sum(axis=0))


def best(pool: Pool, scored: Scored, n: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Places of each user's n best pairs: highest total first, equal ones in order of position.

    Returns:
        (B, n) places in the pool, and (B, n) False where the user has fewer pairs.
    """
    n_users = len(pool.starts) - 1
    lengths = np.diff(pool.starts)
    width = max(int(lengths.max(initial=0)), n)
    # One int64 a pair, the total in its upper half and the place in its lower one, orders both at
    # once: a partition leaves no tie to chance.
    places = np.arange(len(pool.pairs)) - pool.starts[pool.users]
    table = np.full((n_users, width), _NOTHING, np.int64)
    table[pool.users, places] = (ordered(scored.totals).astype(np.int64) << 32) | (_LOW - places)
    top = np.partition(table, width - n, axis=1)[:, width - n :]
    top.sort(axis=1)
    top = top[:, ::-1]
    exists = top != _NOTHING
    return np.where(exists, pool.starts[:-1, None] + _LOW - (top & _LOW), 0), exists


def _cosines(pool: Pool, interests: Interests, snapshot: Corpus) -> NDArray[np.float32]:
    """(3, M) cosines; the rows of one user at a time, for they fit the cache."""
    cosines = np.zeros((len(INTERESTS), len(pool.pairs)), np.float32)
    bounds = pool.starts.tolist()
    present: list[list[float]] = interests.confidence.tolist()
    for user, (start, end) in enumerate(pairwise(bounds)):
        if start == end or not any(present[user]):
            continue
        rows = snapshot.gather(pool.positions[start:end])  # (m, d)
        for kind, confidence in enumerate(present[user]):
            if confidence:
                # Two or three products with a vector take half the time of one with (d, 3).
                np.dot(rows, interests.vectors[user, kind], out=cosines[kind, start:end])
    return cosines


def _repeats(pool: Pool, purchases: Purchases, policy: Policy) -> NDArray[np.float32]:
    """(M,) x / (x + 1), x = decayed number of times bought less those returned, at least 0."""
    if not len(purchases.owners) or not len(pool.pairs):
        return np.zeros(len(pool.pairs), np.float32)
    at, there = places_in(pool.pairs, pairs_of(purchases.owners, purchases.positions))
    signs = np.where(purchases.returned[there], -1.0, 1.0)
    decay = np.exp2(purchases.ages_ms[there] / -policy.long_half_life_ms)
    times = np.bincount(at[there], signs * decay, minlength=len(pool.pairs))
    times = np.maximum(times, 0.0)
    found: NDArray[np.float32] = (times / (times + 1)).astype(np.float32)
    return found


def _shares(pool: Pool, related: Related | None) -> NDArray[np.float32]:
    """(M,) how much each pair goes together with what its user did, 0 to 1."""
    found = np.zeros(len(pool.pairs), np.float32)
    if related is not None and len(pool.pairs) and len(related.pairs):
        at, there = places_in(pool.pairs, related.pairs)
        found[at[there]] = related.shares[there]
    return found
