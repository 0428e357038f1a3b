"""Lists drawn rank by rank, so that each item's probability at its rank is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scoring.slates.choosers import Best, Chooser, Softmax, Thompson
from scoring.slates.diversity import KINDS, Diversity
from scoring.slates.drawing import Drawing
from scoring.slates.field import Drawn, Field
from scoring.slates.floors import Floors
from scoring.slates.limits import Limits


def draw(
    field: Field,
    drawing: Drawing,
    chance: NDArray[np.float64],
    sampled: list[NDArray[np.float32]] | None = None,
) -> Drawn:
    """Fill the lists of B users, all users rank by rank.

    At each rank: the items that may be there (not above, no cap reached, not pinned elsewhere, of
    a group whose floor asks for it),
    their worth (score and diversity), its probabilities, epsilon, one draw. The propensity is the
    probability of what was drawn; a pin has 1. So nothing is done to a list after it was drawn.

    A cap leaves room for the pins further down; a pin that would break a cap among the pins
    themselves does not act. Where a user has no item left, the next pins move up.

    Args:
        field: Candidates, caps and pins.
        drawing: How.
        chance: (B, n) uniform numbers in [0, 1), see `chance.uniforms`.
        sampled: For thompson, B arrays (S, C_b) of scores under sampled weights.
    """
    n_users, n_ranks = chance.shape
    users = np.arange(n_users)
    shape = field.scores.shape
    chooser = chooser_of(field, drawing, sampled)
    diversity = diversity_of(field, drawing, n_ranks)
    limits = Limits(field.caps, shape)
    pins = np.full((n_users, n_ranks), -1) if field.pins is None else field.pins.copy()
    left = field.there.copy()
    limits.reserve(pins, left)
    floors = Floors(field.floors, n_users, n_ranks)
    drawn = Drawn(
        places=np.zeros((n_users, n_ranks), np.int64),
        exists=np.zeros((n_users, n_ranks), np.bool_),
        propensities=np.ones((n_users, n_ranks)),
        pinned=np.zeros((n_users, n_ranks), np.bool_),
        capped={},
    )
    share = 1.0
    bonus: NDArray[np.float64] = np.zeros(shape)
    for rank in range(n_ranks):
        if diversity is not None:
            share, bonus = diversity.share, diversity.bonus
        may = left & limits.room()
        going: NDArray[np.bool_] = np.any(may, axis=1)
        pin = due(pins, rank, going)
        may = floors.narrow(rank, may, pin >= 0)
        p = chooser.probabilities(share, bonus, may)
        if drawing.epsilon > 0:
            p = mixed(p, may, drawing.epsilon)
        total, taken = _drawn(p, chance[:, rank])
        pinned = pin >= 0
        taken = np.where(pinned, pin, taken)
        exists = going | pinned
        drawn.places[:, rank] = taken
        drawn.exists[:, rank] = exists
        drawn.pinned[:, rank] = pinned
        free = exists & ~pinned
        drawn.propensities[free, rank] = p[free, taken[free]] / total[free]
        left[users[free], taken[free]] = False
        limits.count(taken, free)
        floors.count(taken, exists)
        if diversity is not None and rank + 1 < n_ranks:
            diversity.took(taken, exists)
    drawn.capped.update(limits.passed_over(left, field.scores, drawn) | floors.acted)
    return drawn


def chooser_of(
    field: Field, drawing: Drawing, sampled: list[NDArray[np.float32]] | None
) -> Chooser:
    """What makes probabilities of the candidates' worth under this drawing."""
    if drawing.draw == "softmax":
        return Softmax(field.scores, drawing.temperature)
    if drawing.draw == "thompson":
        if sampled is None:
            raise ValueError("thompson needs scores under sampled weights")
        return Thompson(sampled, field.scores.shape[1])
    return Best(field.scores)


def diversity_of(field: Field, drawing: Drawing, n_ranks: int) -> Diversity | None:
    """What makes items worth less that are like those above; None = nothing."""
    if not drawing.is_diverse:
        return None
    kind = KINDS[drawing.diversity]
    return kind(field.vectors, field.scores.shape[1], drawing.relevance_share, n_ranks)


def mixed(p: NDArray[np.float64], may: NDArray[np.bool_], epsilon: float) -> NDArray[np.float64]:
    """(1 - epsilon) of these probabilities, epsilon of equal ones."""
    total = np.maximum(p.cumsum(axis=1)[:, -1:], np.finfo(np.float64).tiny)
    n_may = np.maximum(may.sum(axis=1, keepdims=True), 1)
    found: NDArray[np.float64] = (1 - epsilon) / total * p + epsilon / n_may * may
    return found


def _drawn(
    p: NDArray[np.float64], chance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sums of the rows, and the place that each row's number in [0, 1) falls on.

    The sum is the last of the running sums: it is the same whatever zeros follow, which a pairwise
    sum is not, so that a list does not depend on who else is in its batch.
    """
    running = p.cumsum(axis=1)
    total = running[:, -1]
    mark = np.minimum(chance * total, np.nextafter(total, 0.0))
    return total, (running > mark[:, None]).argmax(axis=1)


def due(pins: NDArray[np.int64], rank: int, going: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The pin of a rank; where a list has no other item left, the next one moves up to it.

    Args:
        pins: (B, n) places, -1 = none; changed where one moves.
        rank: From 0.
        going: (B,) False where nothing else may come.

    Returns:
        (B,) places, -1 = none.
    """
    stopped = ~going & (pins[:, rank] < 0) & (pins[:, rank:] >= 0).any(axis=1)
    for user in np.flatnonzero(stopped).tolist():
        next_rank = rank + int((pins[user, rank:] >= 0).argmax())
        pins[user, rank], pins[user, next_rank] = pins[user, next_rank], -1
    return pins[:, rank]
