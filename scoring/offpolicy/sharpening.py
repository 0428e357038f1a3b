"""How sharply a policy should draw: the temperature whose gain a log is surest of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from scoring.errors import EvidenceError
from scoring.offpolicy.decided import decided
from scoring.offpolicy.evaluation import AT_ONCE, Told, evaluate_several
from scoring.offpolicy.logged_lists import LoggedLists
from scoring.offpolicy.report import Report, Row
from scoring.offpolicy.target import Target
from scoring.offpolicy.verdict import Enough
from scoring.slates.drawing import Drawing
from scoring.slates.evidence import Evidence

STEPS: Final = (1.25, 0.8, 0.65, 0.5, 0.4, 0.3)
"""Temperatures that are asked about, over that of the log: one wider draw, and sharper ones down to
where a thousand lists of ten are hardly evidence any more."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A temperature on a log.

    Attributes:
        temperature: Of the softmax.
        report: What the log says of it.
        row: Of the estimator that counts.
        lacking: Why the log is no evidence enough for it, in sentences.
    """

    temperature: float
    report: Report
    row: Row
    lacking: tuple[str, ...]

    @property
    def surely(self) -> float:
        """The lower bound of its gain, reward a list; minus infinity without evidence enough."""
        return -float("inf") if self.lacking else self.row.gain_interval.low


def softmax_of(drawings: Iterable[Drawing]) -> Drawing:
    """How all lists of a log were drawn.

    Raises:
        EvidenceError: In several ways, or not by a softmax; or nothing is known of them.
    """
    ways = set(drawings)
    if not ways:
        raise EvidenceError(
            "no record of a decision for any list of the log: are these the records of that time?"
        )
    if len(ways) != 1:
        raise EvidenceError(
            f"the lists of the log were drawn in {len(ways)} ways: name those of one policy only"
        )
    way = ways.pop()
    if way.draw != "softmax":
        raise EvidenceError(
            f"the lists of the log were drawn by {way.draw}: only a softmax can be sharper"
        )
    return way


def sharpened(
    lists: LoggedLists,
    records: Iterable[Evidence],
    temperatures: Sequence[float],
    lost: Counter[str],
    chosen: Callable[[Report], Row],
    *,
    told: Told | None = None,
) -> list[Tried]:
    """What a log says of each temperature.

    To take the one with the best lower bound, and not the one with the best estimate, is
    counterfactual risk minimisation (Swaminathan & Joachims, ICML 2015) with one parameter: a sharp
    draw whose weights say little loses to a milder one that is sure.

    Args:
        lists: Of the log, all drawn by one softmax.
        records: Of their decisions, and perhaps of more.
        temperatures: That are asked about.
        lost: What was left out before.
        chosen: The row of a report that counts.
        told: Hears of progress.

    Raises:
        EvidenceError: Too little is left.
    """
    lost = Counter(lost)
    batches = decided(lists, records, AT_ONCE, lost)
    targets = [Target({"temperature": each}) for each in temperatures]
    found = []
    reports = evaluate_several(lists, batches, targets, lost, told=told)
    for temperature, report in zip(temperatures, reports, strict=True):
        row = chosen(report)
        found.append(Tried(temperature, report, row, tuple(Enough().lacking(report, row))))
    return found


def surest(tried: Sequence[Tried]) -> Tried | None:
    """The one that gains most for certain; None = none of them does."""
    best = max(tried, key=lambda each: each.surely)
    return best if best.surely > 0 else None
