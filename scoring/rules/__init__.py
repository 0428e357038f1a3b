"""Hard rules: what must not be in a list, whatever its score, and what must be where."""

from scoring.rules.forbidden import Forbidden, forbidden_pairs
from scoring.rules.pairs import POSITION_MASK, USER_SHIFT, firsts, pairs_of, places_in

__all__ = [
    "POSITION_MASK",
    "USER_SHIFT",
    "Forbidden",
    "firsts",
    "forbidden_pairs",
    "pairs_of",
    "places_in",
]
