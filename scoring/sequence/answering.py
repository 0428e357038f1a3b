"""Events of users and a saved tower -> the items that each of them may want next, with scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from scoring.sequence.event_rows import number_events, read_events
from scoring.sequence.full_ranking import tower_scorer
from scoring.sequence.saved import SavedTower
from scoring.training.rows import Columns, Reading

_USERS_AT_ONCE: Final = 256
_DECIMALS: Final = 6


def next_items(
    saved: SavedTower,
    files: Sequence[Path],
    reading: Reading,
    *,
    columns: Columns | None = None,
    n_items: int = 10,
) -> Iterator[Mapping[str, Any]]:
    """One answer for each user with an item that the tower knows, by user id.

    Args:
        saved: The tower.
        files: Rows of events, as it was trained with; unknown items are left out.
        reading: Notes bad rows.
        columns: How the documented names are called in the files, if not so.
        n_items: Of a list, fewer where the catalogue has no more that the user has not had.

    Yields:
        ``{"user_id", "items": [{"item_id", "score"}, …]}``, best first; scores are cosines.

    Raises:
        RowsError: A bad row, where they are not skipped, or no such file.
        SequenceError: No event is about a known item.
    """
    events = read_events(files, columns or {}, reading, or_documented=True)
    users = number_events(events, saved.item_ids)
    score = tower_scorer(saved.tower)
    for start in range(0, len(users.user_ids), _USERS_AT_ONCE):
        chosen = np.arange(start, min(start + _USERS_AT_ONCE, len(users.user_ids)))
        pasts = users.sequences.select(chosen)
        scores = score(pasts)  # (b, N)
        owners = np.repeat(np.arange(len(chosen)), pasts.lengths)
        scores[torch.from_numpy(owners), torch.from_numpy(pasts.items)] = float("-inf")
        best = scores.topk(min(n_items, scores.shape[1]), dim=1)
        for user, values, rows in zip(
            chosen.tolist(), best.values.tolist(), best.indices.tolist(), strict=True
        ):
            items = [
                {"item_id": saved.item_ids[row], "score": round(value, _DECIMALS)}
                for value, row in zip(values, rows, strict=True)
                if value > float("-inf")
            ]
            yield {"user_id": users.user_ids[user], "items": items}
