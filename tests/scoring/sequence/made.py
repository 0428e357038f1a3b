"""Small towers, users and catalogues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from scoring.rings import TYPES
from scoring.sequence.item_vectors import ItemVectors
from scoring.sequence.sequences import Sequences
from scoring.sequence.tower import SequenceTower, TowerSettings

CLICK = TYPES.index("click")
PURCHASE = TYPES.index("purchase")


def users(*items: Sequence[int], at_ms: Sequence[Sequence[int]] | None = None) -> Sequences:
    """Users who clicked on these items, one a second where no moments are given."""
    times = at_ms or [range(0, 1000 * len(each), 1000) for each in items]
    flat = np.array([item for each in items for item in each], np.int64)
    return Sequences(
        starts=np.cumsum([0, *map(len, items)]),
        items=flat,
        actions=np.full(len(flat), CLICK),
        at_ms=np.array([at for each in times for at in each], np.int64),
    )


def tower(
    n_items: int = 10, *, n_text: int = 0, warm: Sequence[bool] | None = None, **settings: Any
) -> SequenceTower:
    """A tower with weights large enough to tell things apart, without dropout, in evaluation."""
    torch.manual_seed(3)
    text = None
    if n_text:
        text = torch.nn.functional.normalize(torch.randn(n_items, n_text), dim=1)
    chosen = TowerSettings(**{"width": 16, "length": 8, "dropout": 0.0} | settings)
    items = ItemVectors(n_items, chosen.width, text, None if warm is None else torch.tensor(warm))
    made = SequenceTower(chosen, items)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, 0.3)
    return made.eval()
