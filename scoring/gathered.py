"""Everything that is known of the candidates of a batch before a list is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scoring.candidates import Pool, Retrieved
from scoring.interests import Interests
from scoring.ranking import Scored
from scoring.related.source import Related
from scoring.rings import Rings
from scoring.rules.limits import Pinned

if TYPE_CHECKING:
    from scoring.ranker.learned import Chances


@dataclass(frozen=True, slots=True)
class Gathered:
    """Of B users.

    Attributes:
        rings: Of the users.
        interests: Of the users.
        retrieved: What the index answered.
        pinned: Pins that act.
        related: What goes together, where there is a table.
        pool: The candidates.
        told: The documented sum, of which reasons are told.
        chances: What a learned ranker says, where there is one.
        popularity: (M,) of each candidate to its user's audience, 0 to 1.
        new: (m,) positions of items that are new in the shop.
    """

    rings: Rings
    interests: Interests
    retrieved: Retrieved
    pinned: Pinned
    related: Related | None
    pool: Pool
    told: Scored
    chances: Chances | None
    popularity: NDArray[np.float32]
    new: NDArray[np.int64]
