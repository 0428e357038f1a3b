"""A target policy: the log's own decisions drawn with other numbers, or from other scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from scoring.errors import EvidenceError
from scoring.offpolicy.decided import Decided
from scoring.slates.drawing import Drawing
from scoring.slates.evidence import sampled_scores
from scoring.slates.field import Field

DRAWING: Final = tuple(each.name for each in fields(Drawing) if each.name != "size")
"""Numbers of a policy that decide between the candidates of a record, and not what these are."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked about. Without anything it is the policy that made the log.

    Attributes:
        numbers: Names of `DRAWING` -> value; what it does not name stays as each list was drawn.
        scores: Recommendation id -> scores of its candidates, in its record's order; None = the
            log's own.
    """

    numbers: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, NDArray[np.float64]] | None = None

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

    def field(self, batch: Decided) -> Field:
        """What the target draws from.

        Raises:
            EvidenceError: Scores of a list are missing, are too few or are not finite.
        """
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

    def sampled(self, batch: Decided, drawn_from: Field) -> list[NDArray[np.float32]] | None:
        """Scores under sampled weights, where the target draws by them.

        Raises:
            EvidenceError: The records have no terms of the scores, or the draw is diverse.
        """
        drawing = self.drawing(batch.drawing)
        if drawing.is_diverse:
            raise EvidenceError("a diverse target needs the items' vectors, which no record has")
        if drawing.draw != "thompson":
            return None
        if not drawn_from.features:
            raise EvidenceError(
                "a target that draws by thompson needs the terms of each score; only lists that "
                "were drawn by thompson have them in their records"
            )
        return sampled_scores(drawn_from, batch.ids, drawing, None)
