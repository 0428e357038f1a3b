"""A target policy: decisions drawn with other numbers, from other scores, or those of a shadow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoring.errors import EvidenceError
from scoring.offpolicy.decided import Decided
from scoring.offpolicy.shadowed import side_by_side
from scoring.slates.drawing import Drawing
from scoring.slates.evidence import Evidence, sampled_scores
from scoring.slates.field import Field

DRAWING: Final = tuple(each.name for each in fields(Drawing) if each.name != "size")
"""Numbers of a policy that decide between the candidates of a record, and not what these are."""


@dataclass(frozen=True, slots=True)
class Drawer:
    """What a policy draws a batch of lists with.

    Attributes:
        field: Candidates and scores.
        drawing: The numbers.
        sampled: Scores under sampled weights, for thompson.
    """

    field: Field
    drawing: Drawing
    sampled: list[NDArray[np.float32]] | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked about. Without anything it is the policy that made the log.

    Attributes:
        numbers: Names of `DRAWING` -> value; what it does not name stays as each list was drawn.
        scores: Recommendation id -> scores of its candidates, in its record's order; None = the
            log's own.
        shadows: Recommendation id -> the record of the shadow that is asked about, which then says
            all; None = nothing was shadowed.
    """

    numbers: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, NDArray[np.float64]] | None = None
    shadows: Mapping[str, Evidence] | None = None

    def __post_init__(self) -> None:
        """Check what can be asked.

        Raises:
            EvidenceError: Numbers that the records do not answer for, or that draw no list.
        """
        if unknown := sorted(self.numbers.keys() - set(DRAWING)):
            raise EvidenceError(
                f"{', '.join(unknown)}: records of decisions tell what other {', '.join(DRAWING)} "
                "would draw; for other weights give the scores (--scores), and other candidates or "
                "caps can only be tried with users"
            )
        if problem := self.drawing(Drawing(1)).problem():
            raise EvidenceError(problem)

    def drawing(self, logged: Drawing) -> Drawing:
        """The numbers with which the target draws what was drawn with these."""
        return replace(logged, **self.numbers)

    def beside(self, batch: Decided) -> tuple[Drawer, Drawer]:
        """The policy of the log and the target, over the same candidates.

        Raises:
            EvidenceError: The records do not tell what the target would do.
        """
        if self.shadows is not None:
            own, other, drawing = side_by_side(batch, [self.shadows[each] for each in batch.ids])
            logged = Drawer(own, batch.drawing, _sampled(batch, batch.drawing))
            return logged, Drawer(other, drawing)
        drawing = self.drawing(batch.drawing)
        logged = Drawer(batch.field, batch.drawing, _sampled(batch, batch.drawing))
        return logged, Drawer(self._field(batch), drawing, _sampled(batch, drawing))

    def _field(self, batch: Decided) -> Field:
        """What the target draws from."""
        if self.scores is None:
            return batch.field
        found = np.zeros(batch.field.scores.shape)
        for at, each in enumerate(batch.ids):
            there = batch.field.there[at]
            scores = self.scores.get(each)
            if scores is None or len(scores) != there.sum() or not np.isfinite(scores).all():
                said = "none" if scores is None else f"{len(scores)} numbers"
                raise EvidenceError(
                    f"list {each} has {int(there.sum())} candidates, and {said} in the scores: "
                    "each list needs a finite score for each candidate"
                )
            found[at, there] = scores
        return replace(batch.field, scores=found)


def _sampled(batch: Decided, drawing: Drawing) -> list[NDArray[np.float32]] | None:
    """Scores under sampled weights, where a policy draws by them.

    Raises:
        EvidenceError: The records have no terms of the scores, or the draw is diverse.
    """
    if drawing.is_diverse:
        raise EvidenceError("a diverse target needs the items' vectors, which no record has")
    if drawing.draw != "thompson":
        return None
    if not batch.field.features:
        raise EvidenceError(
            "a target that draws by thompson needs the terms of each score; only lists that "
            "were drawn by thompson have them in their records"
        )
    return sampled_scores(batch.field, batch.ids, drawing)
