"""Why an item is in a list, in words for the shopper: the largest term of its score says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue, Snapshot
from scoring.candidates import Pool
from scoring.centroids import LONGEST_NAME
from scoring.interests import SEARCH
from scoring.ranking import POPULARITY, REPEAT, Scored
from scoring.rings import TYPES, Rings
from scoring.slate import Request

LONGEST_TITLE: Final = 80

_BECAUSE: Final[Mapping[str, str]] = {
    "visit": "because you came by {}",
    "view": "because you looked at {}",
    "click": "because you looked at {}",
    "cart": "because you put {} in your cart",
    "purchase": "because you bought {}",
    "return": "close to {}",
    "favorite": "because you liked {}",
    "share": "because you shared {}",
    "review": "because you reviewed {}",
    "rating": "because you rated {}",
}
_ITSELF: Final[Mapping[str, str]] = {
    "cart": "you had it in your cart",
    "purchase": "you bought it before",
    "favorite": "you liked it before",
    "share": "you shared it before",
    "review": "you reviewed it before",
    "rating": "you rated it before",
}


def explain(
    requests: Sequence[Request],
    places: NDArray[np.int64],
    pool: Pool,
    scored: Scored,
    rings: Rings,
    snapshot: Snapshot,
    *,
    popularity_known: bool,
) -> list[list[str]]:
    """A reason for each chosen pair.

    Where an interest has the largest term, the interaction that gave that interest most of the
    cosine, `weight_j * cos(item, v_j)`, is named.

    Args:
        requests: B requests.
        places: (B, n) places in the pool; those that mean nothing get a reason that means nothing.
        pool: M pairs.
        scored: Their terms.
        rings: Of the B users.
        snapshot: Vectors and titles.
        popularity_known: False = nothing may be called popular.
    """
    if not len(pool.pairs):
        return [[] for _ in requests]
    catalogue = snapshot.catalogue
    strongest = scored.terms[:, places].argmax(axis=0)  # (B, n)
    positions = pool.positions[places]  # (B, n)
    plain = {
        SEARCH: "matches your search",
        POPULARITY: "popular now" if popularity_known else "from our range",
        REPEAT: "you bought it before",
    }
    reasons = []
    for user, (terms, items) in enumerate(zip(strongest.tolist(), positions.tolist(), strict=True)):
        if min(terms) < SEARCH:
            cause = _causes(user, strongest[user], positions[user], rings, snapshot)
        else:
            cause = [-1] * len(items)
        counts = requests[user].history.counts
        reasons.append(
            [
                plain[term]
                if term >= SEARCH
                else _because(interaction, item, rings, catalogue)
                if interaction >= 0
                else _liked(item, counts, catalogue)
                for term, item, interaction in zip(terms, items, cause, strict=True)
            ]
        )
    return reasons


def _causes(
    user: int,
    strongest: NDArray[np.int64],
    positions: NDArray[np.int64],
    rings: Rings,
    snapshot: Snapshot,
) -> list[int]:
    """For n items of one user the interaction behind each, a place in the rings, -1 = none."""
    start, end = rings.starts[user], rings.starts[user + 1]
    if start == end:
        return [-1] * len(positions)
    rows = snapshot.vectors.take(positions, axis=0)  # (n, d)
    gains = rows @ rings.vectors[start:end].T  # (n, m)
    gains *= rings.weights[np.minimum(strongest, 1), start:end]
    causes = gains.argmax(axis=1)
    gained = gains.max(axis=1) > 0
    found: list[int] = np.where(gained, causes + start, -1).tolist()
    return found


def _because(interaction: int, item: int, rings: Rings, catalogue: Catalogue) -> str:
    event_type = TYPES[rings.types[interaction]]
    position = int(rings.positions[interaction])
    if position == item:
        return _ITSELF.get(event_type, "you looked at it before")
    return _BECAUSE[event_type].format(_short(catalogue.titles[position]))


def _liked(item: int, counts: Mapping[str, float], catalogue: Catalogue) -> str:
    """No single interaction is behind it, so the counts are."""
    for prefix, name in (("c:", catalogue.categories[item]), ("b:", catalogue.brands[item])):
        if name is not None and prefix + name[:LONGEST_NAME] in counts:
            return f"because you like {_short(name)}"
    return "close to what you like"


def _short(title: str) -> str:
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1].rstrip() + "…"
