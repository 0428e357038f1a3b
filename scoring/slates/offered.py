"""What each rank of a list could have been: the masks that a finished list was drawn under."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.slates.field import Drawn, Field
from scoring.slates.floors import Floors
from scoring.slates.limits import Limits


def offered(field: Field, drawn: Drawn) -> NDArray[np.bool_]:
    """The candidates that `draw` chose among at each rank, given what it had put above.

    The same rules, in the same order: pins are set aside first and count for their caps, nothing
    comes twice, no full cap gets another. So another policy's probability of a logged list is
    exact, and not that of a list without rules.

    Args:
        field: As it was when the lists were drawn; scores do not matter.
        drawn: The lists; pinned items are those that it says, not those that were asked for.

    Returns:
        (B, n, C); a rank that a pin filled, or where the list had ended, has none.
    """
    users = np.arange(len(drawn.places))
    left = field.there.copy()
    limits = Limits(field.caps, field.there.shape)
    limits.reserve(np.where(drawn.pinned, drawn.places, -1), left)
    floors = Floors(field.floors, *drawn.places.shape)
    free = drawn.exists & ~drawn.pinned
    found = np.zeros((*drawn.places.shape, field.there.shape[1]), np.bool_)
    for rank in range(drawn.places.shape[1]):
        acting, taken = free[:, rank], drawn.places[:, rank]
        may = floors.narrow(rank, left & limits.room(), drawn.pinned[:, rank])
        found[acting, rank] = may[acting]
        left[users[acting], taken[acting]] = False
        limits.count(taken, acting)
        floors.count(taken, drawn.exists[:, rank])
    return found
