"""How much each model weighs, from rows that none of them has learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch

from scoring.errors import RowsError
from scoring.fusion.model import FusedModel, Member
from scoring.tasks.contract import Example

ROUNDS: Final = 20


def chosen_weights(members: Sequence[Member], task: str, rows: Sequence[Example]) -> list[float]:
    """Ensemble selection with replacement (Caruana et al., ICML 2004, sections 2 and 2.1).

    Twenty times, the model is taken that lowers the loss of all taken so far the most; its weight
    is how often it was taken.

    Args:
        members: M models of one task.
        task: Its name.
        rows: (n > 0) that no member has learned: of those it has, it is too sure.

    Returns:
        M weights from 0 to 1, of sum 1.

    Raises:
        ModelError: They do not answer the same questions.
        RowsError: No row has a label that they have learned.
    """
    vectors = [member.vectors(task, rows) for member in members]

    def loss(taken: Sequence[int]) -> float:
        present = [place for place, times in enumerate(taken) if times]
        asked = vectors[present[0]]
        model: Member | FusedModel = members[present[0]]
        if len(present) > 1:
            model = FusedModel([members[p] for p in present], [taken[p] for p in present])
            asked = model.joined(task, [vectors[p] for p in present])
        with torch.no_grad():
            losses = model.tasks[task].row_losses(model.heads[task], asked, rows)
        if not len(losses):
            raise RowsError(f"no row for {task} has a label that the models know: give others")
        return float(losses.mean())

    taken = [0] * len(members)
    for _ in range(ROUNDS):
        tried = [[t + (n == place) for n, t in enumerate(taken)] for place in range(len(members))]
        taken = min(tried, key=loss)
    return [times / ROUNDS for times in taken]
