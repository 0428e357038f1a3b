"""Hard rules: what must not be in a list, whatever its score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue
from scoring.policy import Policy
from scoring.rings import PURCHASE, Rings
from scoring.slate import Request

USER_SHIFT: Final = 40
"""A pair (user of the batch, item) is one int64: user << USER_SHIFT | position."""

POSITION_MASK: Final = (1 << USER_SHIFT) - 1


def pairs_of(users: NDArray[np.int64], positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Users and positions of any shapes that broadcast -> pairs."""
    found: NDArray[np.int64] = (users << USER_SHIFT) | positions
    return found


def forbidden_pairs(
    requests: Sequence[Request], rings: Rings, catalogue: Catalogue, policy: Policy
) -> NDArray[np.int64]:
    """Pairs that the requests and the policy rule out, sorted, without repeats.

    Stock is not among them: it is a column of the catalogue, see `allowed`.
    """
    out = np.zeros(len(rings.owners), np.bool_)
    if policy.just_seen_window_ms > 0:
        out |= rings.ages_ms < policy.just_seen_window_ms
    if policy.exclude_bought:
        out |= (rings.types == PURCHASE) & (rings.ages_ms < policy.bought_window_ms)
    by_rule = pairs_of(rings.owners[out], rings.positions[out])
    asked = [(user, item) for user, request in enumerate(requests) for item in request.exclude]
    if not asked:
        return np.unique(by_rule)
    users, item_ids = zip(*asked, strict=True)
    positions = catalogue.positions(item_ids)
    known = positions >= 0
    by_request = pairs_of(np.array(users, np.int64)[known], positions[known])
    return np.unique(np.concatenate([by_rule, by_request]))


def allowed(
    pairs: NDArray[np.int64], forbidden: NDArray[np.int64], catalogue: Catalogue
) -> NDArray[np.bool_]:
    """Which of these pairs may be in a list: in stock and not forbidden.

    Args:
        pairs: (n,) sorted, without repeats.
        forbidden: (m,) from `forbidden_pairs`.
        catalogue: Knows the stock.

    Returns:
        (n,) bool.
    """
    mask: NDArray[np.bool_] = catalogue.in_stock[pairs & POSITION_MASK]
    if len(forbidden) and len(pairs):
        at = np.minimum(np.searchsorted(pairs, forbidden), len(pairs) - 1)
        mask[at[pairs[at] == forbidden]] = False
    return mask
