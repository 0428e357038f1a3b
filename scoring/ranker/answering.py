"""Rows of a joined log and heads -> a chance for each row: what the ranker would say of it now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from scoring.errors import ModelError, RowsError
from scoring.joined_log_file import read_joined_log
from scoring.ranker.heads import Heads
from scoring.training.rows import Reading

_DECIMALS: Final = 6


def chances(heads: Heads, task: str, source: Path, reading: Reading) -> Iterator[Mapping[str, Any]]:
    """One answer for each row, in the order of a log.

    Args:
        heads: Of a ranker.
        task: One of its tasks.
        source: A file of `rillstream export`.
        reading: Notes bad rows.

    Yields:
        ``{"recommendation_id", "item_id", "rank", task: chance}``.

    Raises:
        ModelError: There is no such task.
        RowsError: A bad row, where they are not skipped; rows with other features.
    """
    if task not in heads.tasks:
        raise ModelError(f"the ranker answers {', '.join(heads.tasks)}, not {task}")
    log = read_joined_log([source], reading=reading)
    if len(log) and log.feature_names != heads.features:
        raise RowsError(
            f"{source} has {len(log.feature_names)} features, {heads.version} reads "
            f"{len(heads.features)}, or others: it comes from workers with another ranker"
        )
    values = np.zeros((0, len(heads.tasks)))
    if len(log):
        values = heads.score(log.features, heads.codes(log.item_id.tolist())).astype(np.float64)
    column = values[:, heads.tasks.index(task)].round(_DECIMALS).tolist()
    ids, items, ranks = log.recommendation_id.tolist(), log.item_id.tolist(), log.rank.tolist()
    for list_id, item_id, rank, value in zip(ids, items, ranks, column, strict=True):
        yield {"recommendation_id": list_id, "item_id": item_id, "rank": rank, task: value}
