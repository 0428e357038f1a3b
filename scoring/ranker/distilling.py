"""Several networks -> one of the width of one that says what they say (Hinton et al. 2015).

The mean of networks is better than each of them and costs as much as all. Its shares of whole lists
and its chances of shown rows are far less noisy to learn from than what happened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from scoring.ranker.learning import logits_of, logits_of_shown, teach
from scoring.ranker.lists import Lists
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.settings import NetworkSettings
from scoring.ranker.shown import Shown

LONGER: Final = 2
"""So many times the passes, and no dropout: there is little to learn by heart in soft targets."""


def distilled(
    teacher: HeadsNetwork,
    lists: Lists,
    shown: Shown | None,
    settings: NetworkSettings,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> HeadsNetwork:
    """One network, taught by what another says of the same lists and rows.

    Args:
        teacher: Of `teach`, or several `united`.
        lists: That it learned from.
        shown: The same.
        settings: Its own.
        seed: Of weights and order.
        progress: Called with (steps, of how many).
    """
    of_lists = logits_of(teacher, lists.features)[:, -1]
    if shown is not None:
        logits = torch.from_numpy(logits_of_shown(teacher, shown))
        shown = replace(
            shown,
            targets=torch.sigmoid(logits).float().numpy(),
            looked=np.ones_like(shown.looked),  # what is wanted is told, wherever it stood
        )
    own = msgspec.structs.replace(
        settings,
        epochs=LONGER * settings.epochs,
        shown_epochs=LONGER * settings.shown_epochs,
        dropout=0.0,
    )
    return teach(lists, shown, own, seed, progress, targets=shares(lists, of_lists))


def shares(lists: Lists, logits: NDArray[np.float64]) -> NDArray[np.float32]:
    """(M,) softmax of each list, a candidate counted as often as it stands for others."""
    lengths = np.diff(lists.starts)
    starts, lengths = lists.starts[:-1][lengths > 0], lengths[lengths > 0]
    most = np.repeat(np.maximum.reduceat(logits, starts), lengths)
    counted = lists.weights * np.exp(logits - most)
    found: NDArray[np.float64] = counted / np.repeat(np.add.reduceat(counted, starts), lengths)
    return found.astype(np.float32, copy=False)
