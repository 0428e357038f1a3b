"""What each user of a batch wants: short-term, long-term and searched-for, as unit vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, repeat
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.centroids import Centroids, unit
from scoring.policy import Policy
from scoring.query_vectors import QueryVectors
from scoring.rings import Rings
from scoring.slate import Request

SHORT_TERM: Final = 0
LONG_TERM: Final = 1
SEARCH: Final = 2


@dataclass(frozen=True, slots=True)
class Interests:
    """Interest vectors of B users; the middle axis is short-term, long-term, search.

    Attributes:
        vectors: (B, 3, d) unit rows, zero where there is none.
        confidence: (B, 3) from 0 (there is none) to 1: E / (E + 1) of the decayed evidence E, and 1
            for a search.
    """

    vectors: NDArray[np.float32]
    confidence: NDArray[np.float32]


def find_interests(
    requests: Sequence[Request],
    rings: Rings,
    centroids: Centroids,
    queries: QueryVectors | None,
    policy: Policy,
) -> Interests:
    """All interests of a batch.

    Short-term and long-term are the same sum with two half-lives h,

        sum over interactions j of  type weight_j * quantity_j * 2^(-age_j / h) * v_j,

    of length 1. The long-term one takes in what lies further back than the ring: a share of it is
    the mean of category and brand centroids, weighted by the row's counts.

    Args:
        requests: B requests.
        rings: Of these requests.
        centroids: Of the snapshot's catalogue.
        queries: None = searches are ignored.
        policy: Half-lives are in `rings` already; this gives share and least evidence.
    """
    n_users, dim = len(requests), rings.vectors.shape[1]
    vectors = np.zeros((n_users, 3, dim), np.float32)
    evidence = np.zeros((n_users, 3), np.float32)
    for row in (SHORT_TERM, LONG_TERM):
        evidence[:, row] = np.bincount(rings.owners, rings.weights[row], minlength=n_users)
    _sum_segments(rings.weights, rings.vectors, rings.starts, vectors[:, :SEARCH])
    vectors[:, :SEARCH] = unit(vectors[:, :SEARCH])
    # More returned than bought: what is left would point away from things, and lead nowhere.
    vectors[evidence < policy.least_evidence] = 0.0
    _add_counts(requests, centroids, policy, vectors, evidence)
    evidence[evidence < policy.least_evidence] = 0.0
    confidence = evidence / (evidence + 1)
    if queries is not None:
        _add_searches(requests, queries, vectors, confidence)
    return Interests(vectors, confidence)


def _sum_segments(
    weights: NDArray[np.float32],
    rows: NDArray[np.float32],
    starts: NDArray[np.int64],
    into: NDArray[np.float32],
) -> None:
    """(m, n) weights, (n, d) rows in B segments -> into, (B, m, d): one product a segment.

    np.add.reduceat would need all m * n * d products in memory; a segment fits the cache.
    """
    bounds = starts.tolist()
    for user, (start, end) in enumerate(pairwise(bounds)):
        if start < end:
            np.matmul(weights[:, start:end], rows[start:end], out=into[user])


def _add_counts(
    requests: Sequence[Request],
    centroids: Centroids,
    policy: Policy,
    vectors: NDArray[np.float32],
    evidence: NDArray[np.float32],
) -> None:
    """Mix the counted categories and brands into the long-term interest."""
    counts = [request.history.counts for request in requests]
    lengths = np.fromiter(map(len, counts), np.int64, len(counts))
    found = map(centroids.rows.get, chain.from_iterable(counts), repeat(-1))
    rows = np.fromiter(found, np.int64, int(lengths.sum()))
    known = rows >= 0
    if not known.any():
        return
    values = np.fromiter(
        chain.from_iterable(each.values() for each in counts), np.float32, len(rows)
    )
    owners = np.repeat(np.arange(len(counts)), lengths)[known]
    rows, values = rows[known], values[known]
    # Only those who have counts are touched, so that no list depends on who else is in the batch.
    users = np.unique(owners)
    starts = np.searchsorted(owners, np.append(users, len(counts)))
    liked = np.empty((len(users), 1, vectors.shape[2]), np.float32)
    _sum_segments(values[None, :], centroids.vectors[rows], starts, liked)
    share = np.float32(policy.centroid_share)
    long_term = (1 - share) * vectors[users, LONG_TERM] + share * unit(liked[:, 0])
    vectors[users, LONG_TERM] = unit(long_term)
    # Counts and ring saw the same events, so the larger of the two is the evidence, not the sum.
    np.maximum.at(evidence[:, LONG_TERM], owners, values)


def _add_searches(
    requests: Sequence[Request],
    queries: QueryVectors,
    vectors: NDArray[np.float32],
    confidence: NDArray[np.float32],
) -> None:
    """Put the vectors of the current searches where they belong."""
    texts = {user: query for user, request in enumerate(requests) if (query := request.query)}
    searching = [user for user, text in texts.items() if not text.isspace()]
    if searching:
        vectors[searching, SEARCH] = queries.of([texts[user] for user in searching])
        confidence[searching, SEARCH] = 1.0
