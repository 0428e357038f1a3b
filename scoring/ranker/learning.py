"""Lists and shown rows -> one network: what is bought, clicked, engaged with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
from msgspec.structs import replace
from numpy.typing import NDArray

from scoring.ranker.features import IN_PIECES
from scoring.ranker.heads import codes_of
from scoring.ranker.inputs import Inputs
from scoring.ranker.list_learning import ListLearning
from scoring.ranker.lists import Lists
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.pieces import Pieces
from scoring.ranker.row_learning import RowLearning
from scoring.ranker.settings import NetworkSettings
from scoring.ranker.shown import OF_SHOWN, Shown
from scoring.ranker.united import beside
from scoring.ranker.worst_group import GroupWeights

BOUGHT: Final = "cvr"

_OF_LISTS: Final = 4
"""Where rows were shown, the lists' network has a quarter of the width, and the rows' the rest."""

_LEAST_STEPS: Final = 250
"""Of either: a loop has some hundred lists, and twelve passes of three steps teach little."""


def teach(
    lists: Lists,
    shown: Shown | None,
    settings: NetworkSettings,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
    groups: GroupWeights | None = None,
    targets: NDArray[np.float32] | None = None,
) -> HeadsNetwork:
    """A network in evaluation mode: ListNet for what is bought, log loss for what was shown.

    With `shown`, two networks are taught apart and stand side by side in one: taught together, a
    hundred lists and tens of thousands of rows each spoil what the others need. Some columns are
    then read in `Pieces` as well.

    Args:
        lists: Those without a wanted item teach nothing.
        shown: Teaches clicks and engagement; None = there are no such heads.
        settings: How.
        seed: Of weights, dropout and order.
        progress: Called with (steps, of how many).
        groups: Weights of these lists by their groups, which follow the losses; None = all weigh
            the same.
        targets: (M,) share of each candidate in its list; None = what was wanted, in equal shares.
    """
    if shown is None:
        alone = ListLearning(lists, settings, groups, targets)
        return alone.teach(Inputs.of([lists.features]), seed, progress)
    narrow = max(settings.width // _OF_LISTS, 1)
    wide = max(settings.width - narrow, 1)
    inputs = Inputs.of([lists.features, shown.features], Pieces.of(shown.features, IN_PIECES))
    of_rows = RowLearning(shown, replace(settings, width=wide), _LEAST_STEPS)
    of_lists = ListLearning(lists, replace(settings, width=narrow), groups, targets, _LEAST_STEPS)
    before, total = of_rows.cycle.n_steps, of_rows.cycle.n_steps + of_lists.cycle.n_steps
    return beside(
        [
            of_rows.teach(inputs, seed, lambda done, _: progress(done, total)),
            of_lists.teach(inputs, seed, lambda done, _: progress(before + done, total)),
        ]
    )


def tasks_of(shown: Shown | None) -> tuple[str, ...]:
    """What a network taught with this predicts."""
    return (BOUGHT,) if shown is None else (*OF_SHOWN, BOUGHT)


def logits_of(
    network: HeadsNetwork,
    features: NDArray[np.float16] | NDArray[np.float32],
    codes: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """(M, T) before calibration; without (M,) codes, only of tasks that read no items' vectors."""
    found = np.empty((len(features), len(network.slopes)))
    known = torch.from_numpy(np.zeros(len(features), np.int64) if codes is None else codes)
    with torch.inference_mode():
        for start in range(0, len(found), 65_536):
            part = torch.from_numpy(features[start : start + 65_536].astype(np.float32))
            some = known[start : start + len(part)]
            found[start : start + len(part)] = network(part, some).numpy()
    return found


def logits_of_shown(network: HeadsNetwork, shown: Shown) -> NDArray[np.float64]:
    """(n, 2) before calibration, by `OF_SHOWN`."""
    codes = codes_of(shown.item_ids.tolist(), network.n_codes)
    return logits_of(network, shown.features, codes)[:, : len(OF_SHOWN)]
