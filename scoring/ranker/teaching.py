"""Lists and shown rows -> heads: taught on most of them, calibrated on the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from scoring.ranker.heads import Heads
from scoring.ranker.learning import NetworkSettings, Shown, calibrated, teach
from scoring.ranker.lists import Lists
from scoring.ranker.united import united

CALIBRATED_ON: Final = 0.1
"""Share of the lists, and of the shown rows, that calibration is fitted on instead: any of the
lists, the newest of the rows, since a shop's rates move and its next rows are like these."""


def taught(
    lists: Lists,
    shown: Shown | None,
    settings: NetworkSettings,
    seed: int,
    rng: np.random.Generator,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Heads:
    """Heads of one network, or of several united.

    Args:
        lists: Two at least.
        shown: By time; teaches clicks and engagement; None = there are no such heads.
        settings: How networks are taught, and how many.
        seed: Of the first network; the next ones have those after it.
        rng: Of the choice of what calibration is fitted on.
        progress: Called with (steps, of how many).
    """
    kept = rng.random(len(lists)) >= CALIBRATED_ON
    kept[rng.integers(len(lists))] = False  # one at least for either
    own = others = None
    if shown is not None:
        n_rows = len(shown.features)
        older = np.arange(n_rows) < round((1 - CALIBRATED_ON) * n_rows)
        own, others = shown.some(older), shown.some(~older)
    told, n = lists.some(kept), settings.seeds
    networks = [
        teach(
            told,
            own,
            settings,
            seed + part,
            lambda done, total, part=part: progress(part * total + done, n * total),  # type: ignore[misc]
        )
        for part in range(n)
    ]
    return calibrated(united(networks), lists.some(~kept), others, settings.n_codes, seed)
