"""Rows of lists that were shown: what teaches chances of a click and of engagement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.errors import RowsError
from scoring.joined_log import JoinedLog
from scoring.online.examples import targets_of
from scoring.ranker.features import FEATURES

OF_SHOWN: Final = ("ctr", "engagement")
"""What only shown lists teach: who was not shown an item cannot have left it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """n rows of lists that were shown, by time, see `joined_log`.

    Attributes:
        features: (n, F) float32, raw.
        targets: (n, 2) 0 or 1, or chances, by `OF_SHOWN`.
        item_ids: (n,) str.
    """

    features: NDArray[np.float32]
    targets: NDArray[np.float32]
    item_ids: NDArray[np.object_]

    @classmethod
    def of(cls, log: JoinedLog) -> Shown:
        """What an impression had.

        Raises:
            RowsError: The log has other columns.
        """
        if log.feature_names != FEATURES:
            raise RowsError(
                f"the joined log has {len(log.feature_names)} features, this version makes "
                f"{len(FEATURES)}, or others: it comes from workers with another ranker"
            )
        rows = log.part(log.examined)
        return cls(rows.features, targets_of(rows, OF_SHOWN), rows.item_id)

    def some(self, chosen: NDArray[np.bool_]) -> Shown:
        """Some of them."""
        return Shown(self.features[chosen], self.targets[chosen], self.item_ids[chosen])
