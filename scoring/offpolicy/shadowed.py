"""Lists that were logged, beside what a shadow policy would have drawn from for the same requests.

A shadow ranks each request beside the policy that is in force, and nobody sees its lists. Its
record has its own candidates, scores, caps and pins; so any policy can be asked about, also one
with other weights, another ranker or other candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scoring.errors import EvidenceError
from scoring.offpolicy.decided import Decided
from scoring.slates.draw import due
from scoring.slates.drawing import Drawing
from scoring.slates.evidence import Evidence
from scoring.slates.field import UNLIMITED, Cap, Drawn, Field, Floor
from scoring.slates.limits import Limits


def side_by_side(batch: Decided, shadows: Sequence[Evidence]) -> tuple[Field, Field, Drawing]:
    """Both policies' candidates in the same columns, and how the shadow draws.

    The log's candidates keep their places; those that only the shadow has come after them.

    Args:
        batch: B lists.
        shadows: B records, of the same requests.

    Returns:
        The log's field and the shadow's, both (B, C + more); the shadow's numbers.

    Raises:
        EvidenceError: The shadow draws in a way that its records do not tell.
    """
    drawings = {each.drawing for each in shadows}
    if len(drawings) > 1:
        raise EvidenceError("the shadow has changed how it draws: name records of one time only")
    drawing = drawings.pop()
    if drawing.is_diverse or drawing.draw == "thompson":
        raise EvidenceError(
            "a shadow that is diverse, or that draws by thompson, cannot be followed: its records "
            "have no vectors"
        )
    if drawing.size != batch.drawing.size:
        raise EvidenceError(
            f"the shadow lists {drawing.size} items and the log {batch.drawing.size}: such lists "
            "cannot be compared item by item"
        )
    columns = [
        _columns(each.item_ids, known, batch.field.scores.shape[1])
        for each, known in zip(shadows, batch.item_ids, strict=True)
    ]
    width = 1 + max(int(each.max(initial=-1)) for each in columns)
    width = max(width, batch.field.scores.shape[1])
    return _wider(batch.field, width), _field(shadows, columns, width), drawing


def with_own_pins(field: Field, lists: Drawn) -> Drawn:
    """Logged lists with what a policy itself pins to their ranks: it puts nothing else there.

    Another cap, or another candidate, may be why a pin acts in one of two policies only, and why it
    moves up, to where a list has no other item left.

    Args:
        field: Of the policy, with pins.
        lists: Of the log.
    """
    users = np.arange(len(lists.places))
    pins = np.full(lists.places.shape, -1) if field.pins is None else field.pins.copy()
    left = field.there.copy()
    limits = Limits(field.caps, left.shape)
    limits.reserve(pins, left)
    for rank in range(pins.shape[1]):
        going: NDArray[np.bool_] = np.any(left & limits.room(), axis=1)
        free = lists.exists[:, rank] & (due(pins, rank, going) < 0)
        taken = lists.places[:, rank]
        left[users[free], taken[free]] = False
        limits.count(taken, free)
    pinned = pins >= 0
    return replace(lists, places=np.where(pinned, pins, lists.places), pinned=pinned)


def _columns(item_ids: Sequence[str], known: Sequence[str], first_new: int) -> NDArray[np.int64]:
    """(C,) where each candidate of the shadow stands."""
    places = {item: at for at, item in enumerate(known)}
    new = iter(range(first_new, first_new + len(item_ids)))
    return np.array([places[item] if item in places else next(new) for item in item_ids], np.int64)


def _wider(field: Field, width: int) -> Field:
    """The same with places at which it has no candidate."""
    more = ((0, 0), (0, width - field.scores.shape[1]))
    return Field(
        scores=np.pad(field.scores, more),
        there=np.pad(field.there, more),
        caps=[
            Cap(
                cap.name,
                np.pad(cap.groups, more, constant_values=-1),
                np.pad(cap.limits, more, constant_values=UNLIMITED),
            )
            for cap in field.caps
        ],
        pins=field.pins,
        features=field.features,
        floors=[Floor(each.name, np.pad(each.members, more), each.share) for each in field.floors],
    )


def _field(shadows: Sequence[Evidence], columns: Sequence[NDArray[np.int64]], width: int) -> Field:
    shape = (len(shadows), width)
    scores, there = np.zeros(shape), np.zeros(shape, np.bool_)
    pins = np.full((len(shadows), shadows[0].drawing.size), -1)
    caps: dict[str, Cap] = {}
    floors: dict[tuple[str, float], Floor] = {}
    for user, (shadow, places) in enumerate(zip(shadows, columns, strict=True)):
        scores[user, places] = shadow.scores
        there[user, places] = True
        pinned = np.array(shadow.pins or [-1] * pins.shape[1])
        pins[user] = np.where(pinned >= 0, places[pinned], -1) if len(places) else -1
        for rows in shadow.caps:
            cap = caps.setdefault(
                rows.name, Cap(rows.name, np.full(shape, -1), np.full(shape, UNLIMITED))
            )
            cap.groups[user, places] = rows.groups
            cap.limits[user, places] = rows.limits
        for held in shadow.floors:
            none = np.zeros(shape, np.bool_)
            floor = floors.setdefault((held.name, held.share), Floor(held.name, none, held.share))
            floor.members[user, places[list(held.members)]] = True
    return Field(scores, there, list(caps.values()), pins, floors=list(floors.values()))
