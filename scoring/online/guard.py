"""Notices that a shop has changed, and that heads have become worse than they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from scoring.online.change import Change

ROWS: Final = 100
"""Rows whose mean loss is one value of the series that drift is looked for in."""

LEAST: Final = 2_500
"""Rows on which heads are judged, at least."""

GOOD_AFTER: Final = 10_000
"""Rows after which heads that were no worse become the last good ones."""

_Sums = tuple[float, float, float]
_RANGE: Final = 0.4
"""Of means of so many log losses, about; ADWIN wants a range of 1."""

Verdict = Literal["worse", "good"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What one round of rows says.

    Attributes:
        drift: The loss on fresh rows has changed.
        verdict: On the heads beside the last good ones, where there is one.
        excess: What the verdict was made of: loss above that of the last good heads on the latest
            rows, as a share of it.
    """

    drift: bool
    verdict: Verdict | None
    excess: float


class Guard:
    """Rows tested before they are learned: has the loss changed, and are heads worse than others?

    The excess compares two versions on the same rows. So a change of the shop, which is hard for
    both, does not look like a fault of the learner.

    **Bound.** Heads are given up when, at the end of a round, their mean excess over the latest
    rounds, so many as have 2,500 rows, is above `rollback_at`. Whatever the learner does, no more
    rows than 2,500 are served by heads so much worse than the last good ones, and those of the
    round in which it is noticed.

    Rounds are judged whole, since all rows of one were served by the same heads: of 12,000 rows the
    worst 2,500 in a row are some per cent worse by chance (docs/learning.md, section 2).
    """

    def __init__(self, rollback_at: float) -> None:
        self._rollback_at = rollback_at
        self._loss = Change()
        self._rest = (0.0, 0.0)  # rows and their loss: not yet a value
        self._rounds: list[_Sums] = []
        self._since: _Sums = (0.0, 0.0, 0.0)  # since these heads are compared

    def judge(self, losses: NDArray[np.float64], of_good: NDArray[np.float64]) -> Judged:
        """The rows of a round in their order.

        Args:
            losses: (n,) of the heads that were served.
            of_good: (n,) of the last good heads.
        """
        drift = self._has_changed(losses)
        sums = float(len(losses)), float(losses.sum()), float(of_good.sum())
        self._since = _sum(self._since, sums)
        self._rounds.append(sums)
        while sum(n for n, _, _ in self._rounds[1:]) >= LEAST:
            del self._rounds[0]
        n, loss, good = self._since
        verdict: Verdict | None = None
        if sum(n for n, _, _ in self._rounds) >= LEAST and self.excess > self._rollback_at:
            verdict = "worse"
        elif n >= GOOD_AFTER and loss <= good:
            verdict = "good"
        return Judged(drift, verdict, self.excess)

    def _has_changed(self, losses: NDArray[np.float64]) -> bool:
        changed, first = False, 0
        while first < len(losses):
            part = losses[first : first + ROWS - int(self._rest[0])]
            first += len(part)
            n, loss = self._rest[0] + len(part), self._rest[1] + float(part.sum())
            self._rest = (n, loss)
            if n == ROWS:
                changed |= self._loss.add(loss / ROWS / _RANGE)
                self._rest = (0.0, 0.0)
        return changed

    @property
    def excess(self) -> float:
        """Over the latest rounds; 0 while there are none."""
        loss, good = (sum(each[place] for each in self._rounds) for place in (1, 2))
        return loss / good - 1 if good else 0.0

    def begin_again(self) -> None:
        """The heads, or the last good ones, are others now."""
        self._rounds = []
        self._since = (0.0, 0.0, 0.0)

    def facts(self) -> dict[str, Any]:
        """What `restore` goes on from, as JSON holds it."""
        return {
            "loss": self._loss.told,
            "rest": self._rest,
            "rounds": self._rounds,
            "since": self._since,
        }

    def restore(self, facts: dict[str, Any]) -> None:
        """Go on from `facts`; those of before rounds were kept whole have none of them."""
        self._loss = Change(facts["loss"])
        self._rest = facts["rest"][0], facts["rest"][1]
        self._rounds = [(n, loss, good) for n, loss, good in facts.get("rounds", ())]
        self._since = tuple(facts["since"])


def _sum(first: _Sums, second: _Sums) -> _Sums:
    return first[0] + second[0], first[1] + second[1], first[2] + second[2]
