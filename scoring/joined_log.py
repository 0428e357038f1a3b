"""What was shown, why, and what came of it: one row an item of a list, as columns.

The log that online learning writes and that off-policy evaluation, reinforcement learning and the
training of rankers read; its files are in `joined_log_file`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_KINDS: Final[dict[str, type]] = {
    **dict.fromkeys(("rank", "at_ms", "dwell_ms", "reward_at_ms"), np.int64),
    **dict.fromkeys(("propensity", "value"), np.float64),
    **dict.fromkeys(("examined", "clicked", "carted", "purchased", "simulated"), np.bool_),
}
"""Of the columns that are no text."""


@dataclass(frozen=True, slots=True)
class JoinedLog:
    """n rows, the rows of a list consecutive and by rank, lists by `(at_ms, recommendation_id)`.

    A list without an impression has no rows: nobody knows whether it was shown, so it has no
    negatives. Of a list that has one, all items are here, `examined` tells those shown.

    Attributes:
        recommendation_id: (n,) str, which list.
        user_id: (n,) str.
        item_id: (n,) str.
        rank: (n,) int64 from 1.
        propensity: (n,) float64 in (0, 1], of the item at its rank given the items above it.
        at_ms: (n,) int64, event time of the decision.
        features: (n, F) float32, raw, as they were when the decision was made.
        feature_names: F names.
        examined: (n,) bool, whether an impression had it.
        clicked: (n,) bool, any action on the item that answers this list; so are the next two.
        carted: (n,) bool.
        purchased: (n,) bool.
        dwell_ms: (n,) int64 from 0, sum over the answers.
        value: (n,) float64 from 0, pieces times price of what was bought, where a price is known.
        reward_at_ms: (n,) int64, event time of the first answer, never before `at_ms`; -1 = none.
        heads_version: (n,) str, '' = none; so are the next two.
        policy_version: (n,) str.
        index_version: (n,) str.
        simulated: (n,) bool, made up by a program.
    """

    recommendation_id: NDArray[np.object_]
    user_id: NDArray[np.object_]
    item_id: NDArray[np.object_]
    rank: NDArray[np.int64]
    propensity: NDArray[np.float64]
    at_ms: NDArray[np.int64]
    features: NDArray[np.float32]
    feature_names: tuple[str, ...]
    examined: NDArray[np.bool_]
    clicked: NDArray[np.bool_]
    carted: NDArray[np.bool_]
    purchased: NDArray[np.bool_]
    dwell_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    reward_at_ms: NDArray[np.int64]
    heads_version: NDArray[np.object_]
    policy_version: NDArray[np.object_]
    index_version: NDArray[np.object_]
    simulated: NDArray[np.bool_]

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            ValueError: Columns of different lengths.
        """
        lengths = {name: len(getattr(self, name)) for name in column_names()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"columns of different lengths: {lengths}")
        if self.features.shape[1:] != (len(self.feature_names),):
            raise ValueError(
                f"features of shape {self.features.shape}, {len(self.feature_names)} names"
            )

    def __len__(self) -> int:
        return len(self.rank)

    @property
    def lists(self) -> NDArray[np.int64]:
        """(L + 1,) list l has the rows lists[l] to lists[l + 1]."""
        ids = self.recommendation_id
        changes = np.flatnonzero(ids[1:] != ids[:-1]) + 1
        first = np.zeros(min(len(ids), 1), np.int64)
        return np.concatenate([first, changes, [len(ids)]]).astype(np.int64)

    def part(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> JoinedLog:
        """Some rows, in this order."""
        return replace(self, **{name: getattr(self, name)[rows] for name in column_names()})

    def ordered(self) -> JoinedLog:
        """The same rows in the order that a log has."""
        keys = (self.rank, self.recommendation_id.astype(str), self.at_ms)
        return self.part(np.lexsort(keys))


def joined(logs: Sequence[JoinedLog]) -> JoinedLog:
    """All rows of logs of the same features, one log at least, in a log's order."""
    parts: dict[str, Any] = {
        name: np.concatenate([getattr(each, name) for each in logs]) for name in column_names()
    }
    return replace(logs[0], **parts).ordered()


def column_names() -> list[str]:
    """Of the columns that have a row's length."""
    return [each.name for each in fields(JoinedLog) if each.name != "feature_names"]


def joined_log(
    rows: Sequence[Sequence[Any]], features: NDArray[np.float32], names: tuple[str, ...]
) -> JoinedLog:
    """Columns of rows, in a log's order.

    Args:
        rows: Each with the values of `row_fields()`.
        features: (n, F).
        names: Of the features.
    """
    columns = dict(zip(row_fields(), zip(*rows, strict=True), strict=True)) if rows else {}
    made: dict[str, Any] = {
        name: np.array(columns.get(name, ()), dtype=_KINDS.get(name, object))
        for name in row_fields()
    }
    return JoinedLog(**made, features=features, feature_names=names).ordered()


def row_fields() -> list[str]:
    """Names of the columns that are no features, in their order."""
    return [name for name in column_names() if name != "features"]
