"""Lists that are there, followed rank by rank: what a policy would have put at each of their ranks.

The same steps as `draw`, with the same choosers, but what is taken is the list's item and not what
chance says (teacher forcing). So the probability of a logged list under another drawing, or under
other scores, is that of the code that would draw it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from scoring.slates.draw import chooser_of, diversity_of, mixed
from scoring.slates.drawing import Drawing
from scoring.slates.field import Drawn, Field
from scoring.slates.offered import offered


def following(
    field: Field,
    drawing: Drawing,
    lists: Drawn,
    sampled: list[NDArray[np.float32]] | None = None,
) -> Iterator[NDArray[np.float64]]:
    """Rank by rank, the probability of every candidate given the list's own items above.

    The product over the ranks, each at the list's item, is the probability of the whole list.

    Args:
        field: Candidates, caps and pins of B users; the scores are those of the policy that is
            asked about.
        drawing: The numbers of that policy; its size is that of the lists.
        lists: Whose items are taken, as `draw` made them: what it pinned is pinned here, too.
        sampled: For thompson, as for `draw`.

    Yields:
        (B, C) that sum to 1 in each row, one array a rank; all on the pin where one acts, all 0
        where the list has ended.
    """
    n_users, n_ranks = lists.places.shape
    users = np.arange(n_users)
    chooser = chooser_of(field, drawing, sampled)
    diversity = diversity_of(field, drawing, n_ranks)
    masks = offered(field, lists)
    share = 1.0
    bonus: NDArray[np.float64] = np.zeros(field.scores.shape)
    for rank in range(n_ranks):
        if diversity is not None:
            share, bonus = diversity.share, diversity.bonus
        may, pinned = masks[:, rank], lists.pinned[:, rank]
        p = chooser.probabilities(share, bonus, may)
        if drawing.epsilon > 0:
            p = mixed(p, may, drawing.epsilon)
        total = p.cumsum(axis=1)[:, -1:]  # as `draw` sums, to the last bit
        p = np.divide(p, total, out=np.zeros_like(p), where=total > 0)
        taken = lists.places[:, rank]
        p[users[pinned], taken[pinned]] = 1.0
        yield p
        if diversity is not None and rank + 1 < n_ranks:
            diversity.took(taken, lists.exists[:, rank])
