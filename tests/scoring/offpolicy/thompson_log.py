"""Lists drawn by thompson from random terms, clicked by people whose weights are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.offpolicy.logged_lists import LoggedLists
from scoring.slates.drawing import Drawing
from scoring.slates.evidence import Evidence, replay

TRUTH = np.array([1.6, 0.4, 1.0, 1.4, 0.6, 1.0])
DRAWING = Drawing(4, "thompson", weight_deviation=0.5)


def thompson_log(
    n: int,
    seed: int,
    *,
    drawing: Drawing = DRAWING,
    looked: NDArray[np.float64] | None = None,
    n_items: int = 12,
    base: float = 0.3,
    slope: float = 0.12,
) -> tuple[LoggedLists, list[Evidence]]:
    """A click has probability (base + slope · weights · terms) · looked, of lists of four."""
    rng = np.random.default_rng(seed)
    kept = np.ones(drawing.size) if looked is None else looked
    shape = (n, drawing.size)
    items, propensities, rewards = np.empty(shape, object), np.ones(shape), np.zeros(shape)
    records = []
    for at in range(n):
        terms = rng.normal(size=(n_items, len(TRUTH)))
        evidence = Evidence(
            recommendation_id=f"{seed}:{at}",
            item_ids=tuple(f"i{place}" for place in range(n_items)),
            scores=tuple(terms.sum(axis=1).tolist()),
            drawing=drawing,
            features=tuple(map(tuple, terms.tolist())),
        )
        drawn = replay(evidence)
        items[at], propensities[at] = drawn.item_ids, drawn.propensities
        places = [int(item_id[1:]) for item_id in drawn.item_ids]
        chances = np.clip(base + slope * terms[places] @ TRUTH, 0, 1) * kept
        rewards[at] = rng.random(drawing.size) < chances
        records.append(evidence)
    ids = np.array([each.recommendation_id for each in records], object)
    users = np.array([f"u{at % (n // 2)}" for at in range(n)], object)
    there = np.ones(shape, np.bool_)
    return LoggedLists(ids, users, items, there, propensities, rewards, True), records
