"""Why an item is in a list, in words for the shopper: the largest term of its score says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue, Corpus
from scoring.candidates import Pool
from scoring.centroids import LONGEST_NAME
from scoring.interests import LONG_TERM, SEARCH
from scoring.policy import SUM_TERMS
from scoring.ranking import POPULARITY, RELATED, REPEAT, Scored
from scoring.related.source import Related
from scoring.rings import TYPES, Rings
from scoring.slate import Request

LONGEST_TITLE: Final = 80
POPULAR: Final = 0.5
"""Relative popularity from which an item is called popular: the square root of the best count."""

AGAIN: Final = "time for it again"

_NONE: Final = len(SUM_TERMS)  # no term speaks for the item
_NEW: Final = _NONE + 1  # nor does any, but it is new

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
    snapshot: Corpus,
    popularity: NDArray[np.float32],
    recurs: NDArray[np.bool_],
    related: Related | None = None,
    new: NDArray[np.int64] | None = None,
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
        popularity: (M,) of each pair, 0 to 1.
        recurs: (N,) items that a rule says are bought again after a while: they are in a list again
            because that while is over. Empty = no such rule.
        related: What goes together, where it has a say.
        new: (m,) items that are new in the shop.
    """
    if not len(pool.pairs):
        return [[] for _ in requests]
    catalogue = snapshot.catalogue
    positions = pool.positions[places]  # (B, n)
    terms = scored.terms[:, places]  # (5, B, n)
    strongest = terms.argmax(axis=0)  # (B, n)
    unpopular = (strongest == POPULARITY) & (popularity[places] < POPULAR)
    strongest[unpopular | (terms.max(axis=0) <= 0)] = _NONE
    if new is not None and len(new):
        strongest[(strongest == _NONE) & np.isin(positions, new)] = _NEW
    plain = {
        SEARCH: "matches your search",
        POPULARITY: "popular now",
        REPEAT: "you bought it before",
        _NONE: "from our range",
        _NEW: "new in the shop",
    }
    behind = _causes(strongest, positions, rings, snapshot)
    _name_company(behind, strongest, pool.pairs[places], related)
    types, seen = rings.types.tolist(), rings.positions.tolist()
    reasons = []
    for request, *columns in zip(
        requests, strongest.tolist(), positions.tolist(), behind, strict=True
    ):
        words = []
        for term, item, cause in zip(*columns, strict=True):
            if term == RELATED:
                words.append(f"goes together with {_short(catalogue.titles[seen[cause]])}")
            elif term >= SEARCH:
                again = term == REPEAT and len(recurs) and recurs[item]
                words.append(AGAIN if again else plain[term])
            elif cause >= 0:
                words.append(_because(TYPES[types[cause]], seen[cause], item, catalogue))
            else:
                words.append(_liked(item, request.history.counts, catalogue))
        reasons.append(words)
    return reasons


def _causes(
    strongest: NDArray[np.int64],
    positions: NDArray[np.int64],
    rings: Rings,
    snapshot: Corpus,
) -> list[list[int]]:
    """The interaction behind each item that an interest brought.

    Args:
        strongest: (B, n) the largest term of each item.
        positions: (B, n) items.
        rings: Of B users.
        snapshot: Has the vectors.

    Returns:
        (B, n) places in the rings, -1 where no interaction speaks for the item.
    """
    causes: NDArray[np.int64] = np.full(positions.shape, -1, np.int64)
    wanted = strongest < SEARCH
    bounds = rings.starts.tolist()
    asking: list[bool] = np.any(wanted, axis=1).tolist()
    for user, asked in enumerate(asking):
        start, end = bounds[user], bounds[user + 1]
        if asked and start < end:
            rows = snapshot.gather(positions[user])  # (n, d)
            gains = rows @ rings.vectors[start:end].T  # (n, m)
            kinds = np.minimum(strongest[user], LONG_TERM)  # other terms are blanked out below
            gains *= np.maximum(rings.weights[kinds, start:end], 0.0)
            causes[user] = gains.argmax(axis=1) + start
            causes[user, gains.max(axis=1) <= 0] = -1
    causes[~wanted] = -1
    found: list[list[int]] = causes.tolist()
    return found


def _name_company(
    causes: list[list[int]],
    strongest: NDArray[np.int64],
    pairs: NDArray[np.int64],
    related: Related | None,
) -> None:
    """Put in the interaction that an item goes together with, where that is its reason."""
    if related is None:
        return
    for user, rank in zip(*map(np.ndarray.tolist, np.nonzero(strongest == RELATED)), strict=True):
        causes[user][rank] = int(related.causes[related.pairs.searchsorted(pairs[user, rank])])


def _because(event_type: str, cause: int, item: int, catalogue: Catalogue) -> str:
    if cause == item:
        return _ITSELF.get(event_type, "you looked at it before")
    return _BECAUSE[event_type].format(_short(catalogue.titles[cause]))


def _liked(item: int, counts: Mapping[str, float], catalogue: Catalogue) -> str:
    """No single interaction is behind it, so the counts are."""
    for prefix, name in (("c:", catalogue.categories[item]), ("b:", catalogue.brands[item])):
        if name is not None and prefix + name[:LONGEST_NAME] in counts:
            return f"because you like {_short(name)}"
    return "close to what you like"


def _short(title: str) -> str:
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1].rstrip() + "…"
