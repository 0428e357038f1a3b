"""What one list was drawn from, enough to draw it again, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.slates.chance import uniforms
from scoring.slates.choosers import N_SAMPLES
from scoring.slates.draw import draw
from scoring.slates.drawing import Drawing
from scoring.slates.field import Cap, Field, Floor
from scoring.slates.last_layer import LastLayer


@dataclass(frozen=True, slots=True)
class CapRows:
    """A cap on one list.

    Attributes:
        name: Of the rule.
        groups: C groups, -1 = none.
        limits: C numbers.
    """

    name: str
    groups: tuple[int, ...]
    limits: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FloorRows:
    """A floor under one list.

    Attributes:
        name: Of the rule.
        share: Of its group.
        members: Places of the candidates that belong.
    """

    name: str
    share: float
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The candidates of one list after the hard rules, and what acted inside its draw.

    Attributes:
        recommendation_id: What chance was derived from.
        item_ids: C candidates, in the order that the draw saw them.
        scores: C float32 numbers.
        drawing: How.
        caps: What the list had to keep to.
        floors: The same, from below.
        pins: n places among the candidates, -1 = none.
        marks: Who brought each candidate, a bit for each of `policy.MARKS`.
        features: C rows whose weighted sums are the scores, where the draw varied the weights.
    """

    recommendation_id: str
    item_ids: tuple[str, ...]
    scores: Sequence[float]
    drawing: Drawing
    caps: tuple[CapRows, ...] = ()
    floors: tuple[FloorRows, ...] = ()
    pins: tuple[int, ...] = ()
    features: tuple[tuple[float, ...], ...] = ()
    marks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Replayed:
    """A list drawn again.

    Attributes:
        item_ids: As many as the list had.
        propensities: Of each.
        pinned: Which of them a pin put there.
    """

    item_ids: tuple[str, ...]
    propensities: tuple[float, ...]
    pinned: tuple[bool, ...]


def replay(evidence: Evidence, vectors: NDArray[np.float32] | None = None) -> Replayed:
    """The same list as was published, by the same code that made it.

    Args:
        evidence: From a record of the decision.
        vectors: (C, d) of the candidates, from the index version that the record names; only where
            the list was diverse.
    """
    count = len(evidence.item_ids)
    if not count:
        return Replayed((), (), ())
    field = Field(
        scores=np.array([evidence.scores], np.float64).reshape(1, count),
        there=np.ones((1, count), np.bool_),
        caps=[_cap(cap) for cap in evidence.caps],
        floors=[floor_of(floor, count) for floor in evidence.floors],
        pins=np.array([evidence.pins], np.int64) if evidence.pins else None,
        vectors=() if vectors is None else [vectors],
        features=[np.array(evidence.features)] if evidence.features else (),
    )
    ids = [evidence.recommendation_id]
    drawing = evidence.drawing
    sampled = sampled_scores(field, ids, drawing)
    drawn = draw(field, drawing, uniforms(ids, drawing.size), sampled)
    n = int(drawn.exists[0].sum())
    return Replayed(
        item_ids=tuple(evidence.item_ids[place] for place in drawn.places[0, :n].tolist()),
        propensities=tuple(drawn.propensities[0, :n].tolist()),
        pinned=tuple(drawn.pinned[0, :n].tolist()),
    )


def sampled_scores(
    field: Field, recommendation_ids: Sequence[str], drawing: Drawing
) -> list[NDArray[np.float32]] | None:
    """B arrays (S, C_b) of scores under sampled weights; None where the draw varies none.

    Args:
        field: Has features.
        recommendation_ids: B ids.
        drawing: How.
    """
    if drawing.draw != "thompson":
        return None
    found = []
    for each, features in zip(recommendation_ids, field.features, strict=True):
        weights = LastLayer.of(drawing, features.shape[1]).sample(each, N_SAMPLES)  # (S, F)
        found.append((weights @ features.T).astype(np.float32))
    return found


def floor_of(rows: FloorRows, n_candidates: int) -> Floor:
    """(1, C) of one list."""
    members = np.zeros((1, n_candidates), np.bool_)
    members[0, list(rows.members)] = True
    return Floor(rows.name, members, rows.share)


def _cap(rows: CapRows) -> Cap:
    return Cap(rows.name, np.array([rows.groups]), np.array([rows.limits]))
