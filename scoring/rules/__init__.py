"""Hard rules: what must not be in a list, whatever its score, and what must be where."""

from scoring.rules.forbidden import Forbidden, forbidden_pairs
from scoring.rules.pairs import POSITION_MASK, USER_SHIFT, pairs_of

__all__ = ["POSITION_MASK", "USER_SHIFT", "Forbidden", "forbidden_pairs", "pairs_of"]
