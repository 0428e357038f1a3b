"""Notices that a shop has changed, and that heads have become worse than they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from scoring.online.change import Change

ROWS: Final = 100
"""Rows whose mean is one value of a series: fewer say too little."""

WINDOW: Final = 25
"""Values of which the mean excess decides, at least: 2,500 rows."""

GOOD_AFTER: Final = 100
"""Values after which heads that were no worse become the last good ones: 10,000 rows."""

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
    """Two series, of rows tested before they are learned: the loss, and the excess.

    The excess compares two versions on the same rows. So a change of the shop, which is hard for
    both, does not look like a fault of the learner.

    **Bound.** Heads are given up when, at the end of a round, their mean excess over the latest
    2,500 rows, or over the whole round where that has more, is above `rollback_at`. Whatever the
    learner does, no more rows than 2,500 are served by heads so much worse than the last good ones,
    and those of the round in which it is noticed.

    Nothing is judged within a round: its rows were all served by the same heads, and of a round of
    20,000 rows the worst 2,500 are some per cent worse by chance (issue 6).
    """

    def __init__(self, rollback_at: float) -> None:
        self._rollback_at = rollback_at
        self._loss = Change()
        self._latest: list[tuple[float, float]] = []
        self._rest = (0.0, 0.0, 0.0)  # rows, loss, loss of the last good heads: not yet a value
        self._since = (0.0, 0.0, 0.0)  # likewise, since these heads are compared

    def judge(self, losses: NDArray[np.float64], of_good: NDArray[np.float64]) -> Judged:
        """The rows of a round in their order.

        Args:
            losses: (n,) of the heads that were served.
            of_good: (n,) of the last good heads.
        """
        drift, values = False, []
        first = 0
        while first < len(losses):
            part = slice(first, first + ROWS - int(self._rest[0]))
            first = part.stop
            sums = len(losses[part]), float(losses[part].sum()), float(of_good[part].sum())
            self._rest = _sum(self._rest, sums)
            self._since = _sum(self._since, sums)
            if self._rest[0] == ROWS:
                _, loss, good = self._rest
                drift |= self._loss.add(loss / ROWS / _RANGE)
                values.append((loss, good))
                self._rest = (0.0, 0.0, 0.0)
        self._latest = [*self._latest, *values][-max(WINDOW, len(values)) :]
        worse = len(self._latest) >= WINDOW and self.excess > self._rollback_at
        n, loss, good = self._since
        better = n >= GOOD_AFTER * ROWS and loss <= good
        return Judged(drift, "worse" if worse else "good" if better else None, self.excess)

    @property
    def excess(self) -> float:
        """Over the latest values; 0 while there are none."""
        loss, good = (sum(each[place] for each in self._latest) for place in (0, 1))
        return loss / good - 1 if good else 0.0

    def begin_again(self) -> None:
        """The heads, or the last good ones, are others now."""
        self._latest = []
        self._rest = self._since = (0.0, 0.0, 0.0)

    def facts(self) -> dict[str, Any]:
        """What `restore` goes on from, as JSON holds it."""
        return {
            "loss": self._loss.told,
            "latest": self._latest,
            "rest": self._rest,
            "since": self._since,
        }

    def restore(self, facts: dict[str, Any]) -> None:
        """Go on from `facts`."""
        self._loss = Change(facts["loss"])
        self._latest = [(loss, good) for loss, good in facts["latest"]]
        self._rest, self._since = tuple(facts["rest"]), tuple(facts["since"])


def _sum(first: _Sums, second: _Sums) -> _Sums:
    return first[0] + second[0], first[1] + second[1], first[2] + second[2]
