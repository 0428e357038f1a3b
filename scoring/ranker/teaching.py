"""Lists and shown rows -> heads: taught on most of them, calibrated on the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from scoring.ranker.calibrating import calibrated
from scoring.ranker.distilling import LONGER, distilled
from scoring.ranker.heads import Heads
from scoring.ranker.learning import teach
from scoring.ranker.lists import Lists
from scoring.ranker.measuring import groups_of
from scoring.ranker.settings import NetworkSettings
from scoring.ranker.shown import Shown
from scoring.ranker.united import united
from scoring.ranker.worst_group import GroupWeights

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
) -> tuple[Heads, dict[str, float]]:
    """Heads of one network, or of several united; what each group of users lost and weighed.

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
    told, n, worst = lists.some(kept), settings.seeds, settings.worst_group
    groups: list[GroupWeights] = []
    if worst is not None:
        of_users = groups_of(told, worst.by)
        groups = [GroupWeights(of_users, len(told), worst.step) for _ in range(n)]
    total = n + (LONGER if settings.distilled and n > 1 else 0)
    networks = [
        teach(
            told,
            own,
            settings,
            seed + part,
            lambda done, of, part=part: progress(part * of + done, total * of),  # type: ignore[misc]
            groups[part] if groups else None,
        )
        for part in range(n)
    ]
    network = united(networks)
    if total > n:
        network = distilled(
            network,
            told,
            own,
            settings,
            seed + n,
            lambda done, of: progress(n * of // LONGER + done, total * of // LONGER),
        )
    heads = calibrated(network, lists.some(~kept), others, settings.n_codes, seed)
    return heads, _told_of(groups)


def _told_of(groups: Sequence[GroupWeights]) -> dict[str, float]:
    """Running loss and weight of each group after the last step, the mean over seeds."""
    found = {}
    for number, name in enumerate(groups[0].names if groups else ()):
        found[f"loss of {name}"] = float(np.mean([each.losses[number] for each in groups]))
        found[f"weight of {name}"] = float(np.mean([each.weights[number] for each in groups]))
    return found
