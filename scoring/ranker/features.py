"""The columns that a learned ranker reads of every candidate: one place for them all.

Training and serving call the same functions, see `source.RankerSource`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.policy import INTERESTS
from scoring.ranker.past import ITEM_FEATURES, USER_FEATURES
from scoring.ranker.places import places
from scoring.ranker.shop_features import REGION_FEATURES, SHOP_FEATURES

SPOKEN: Final = ("customers", "customers_30d", "recent", "baskets_30d", "following", "alike")
"""What a user's purchases speak for, by each table and by customers alike."""

SESSION: Final = ("session_customers", "session_recent", "session_baskets")
"""What the items of the visit speak for: those in the cart, bought or liked in the last minutes."""

_OF_PAIRS: Final = (
    *ITEM_FEATURES,
    *SPOKEN,
    *SESSION,
    "in_session",
    *(f"cosine_{name}" for name in INTERESTS),
    *SHOP_FEATURES,
    *REGION_FEATURES,
    "price",
)
_OF_USERS: Final = (
    *USER_FEATURES,
    "n_session",
    "region_share",
    *(f"confidence_{name}" for name in INTERESTS),
)

_PLACED: Final = (
    *SPOKEN,
    *SESSION,
    "decayed_45d",
    "decayed_90d",
    "sold_3d",
    "sold_14d",
    "sold_region",
    "cosine_long_term",
    "cosine_short_term",
)

FEATURES: Final = (*_OF_PAIRS, *_OF_USERS, *(f"place_{name}" for name in _PLACED))
"""Names of the F columns, in their order."""

IN_PIECES: Final = tuple(
    FEATURES.index(name) for name in ("price", *(f"cosine_{each}" for each in INTERESTS))
)
"""Those that heads taught by shown rows read in `Pieces` as well: docs/benchmarks-learning.md."""

_PLACED_ROWS: Final = [FEATURES.index(name) for name in _PLACED]


def lay_out(
    starts: NDArray[np.int64],
    of_pairs: Sequence[NDArray[np.floating]],
    of_users: Sequence[NDArray[np.floating]],
) -> NDArray[np.float32]:
    """(F, M): the transpose of what heads read, for each column is written at once.

    Args:
        starts: (B + 1,) user b has the candidates starts[b] to starts[b + 1]; the last is M.
        of_pairs: (n, M) each, together in the order of `FEATURES`.
        of_users: (n, B) each, those after them.
    """
    found = np.empty((len(FEATURES), int(starts[-1])), np.float32)
    at = 0
    for rows in of_pairs:
        found[at : at + len(rows)] = rows
        at += len(rows)
    lengths = np.diff(starts)
    for rows in of_users:
        found[at : at + len(rows)] = np.repeat(rows, lengths, axis=1)
        at += len(rows)
    found[at:] = places(found[_PLACED_ROWS], starts)
    return found
