"""Rows of lists that were shown: what teaches chances of a click and of engagement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.errors import RowsError
from scoring.joined_log import JoinedLog
from scoring.online.examples import targets_of
from scoring.ranker.features import FEATURES
from scoring.slates.examination import looked_at

OF_SHOWN: Final = ("ctr", "engagement")
"""What only shown lists teach: who was not shown an item cannot have left it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """n rows of lists that were shown, by time, see `joined_log`.

    Attributes:
        features: (n, F) float32, raw.
        targets: (n, 2) 0 or 1, or chances, by `OF_SHOWN`.
        item_ids: (n,) str.
        looked: (n,) float32 in (0, 1], chance that the row was looked at.
    """

    features: NDArray[np.float32]
    targets: NDArray[np.float32]
    item_ids: NDArray[np.object_]
    looked: NDArray[np.float32]

    @classmethod
    def of(cls, log: JoinedLog, looked: Sequence[float] = ()) -> Shown:
        """What an impression had.

        Args:
            log: With the columns of this version.
            looked: Chance that each rank is looked at, see `slates.examination.looked_at`.

        Raises:
            RowsError: The log has other columns.
        """
        if not log.feature_names:
            raise RowsError(
                "the joined log has no features: lists made without a ranker, as in plain.parquet "
                "of an export, teach a ranker nothing; leave it out of joined"
            )
        if log.feature_names != FEATURES:
            raise RowsError(
                f"the joined log has {len(log.feature_names)} features, this version makes "
                f"{len(FEATURES)}, or others: it comes from workers with another ranker"
            )
        rows = log.part(log.examined)
        return cls(
            rows.features,
            targets_of(rows, OF_SHOWN),
            rows.item_id,
            looked_at(rows.rank, looked),
        )

    def some(self, chosen: NDArray[np.bool_]) -> Shown:
        """Some of them."""
        return Shown(*(getattr(self, each.name)[chosen] for each in fields(self)))
