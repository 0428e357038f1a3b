"""What a log says of the weights of a score's terms: the posterior that Thompson sampling needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from scoring.errors import EvidenceError
from scoring.offpolicy.decided import Decided, decided
from scoring.offpolicy.logged_lists import LoggedLists
from scoring.offpolicy.terms import Floats
from scoring.slates.evidence import Evidence
from scoring.slates.examination import looked_at
from scoring.slates.last_layer import LastLayer

_AT_ONCE: Final = 64
_SURE: Final = 1.96
"""Standard errors that the slope of reward on score must be above 0."""


@dataclass(frozen=True, slots=True)
class Believed:
    """What was learned.

    Attributes:
        layer: The weights, 1 = as the log's scores have them.
        slope: Reward that one more of the log's score came with, within a list.
        slope_error: Its standard error.
        n_lists: That told something.
        n_users: Of whom.
        excluded: Reason -> lists that told nothing.
    """

    layer: LastLayer
    slope: float
    slope_error: float
    n_lists: int
    n_users: int
    excluded: Counter[str]

    @property
    def deviations(self) -> Floats:
        """(F,) of each weight."""
        found: Floats = np.sqrt(np.diag(np.linalg.inv(self.layer.precision)))
        return found


def believe(
    lists: LoggedLists,
    records: Iterable[Evidence],
    lost: Counter[str],
    *,
    deviation: float,
    looked: Sequence[float] = (),
    told: Callable[[int, int], None] = lambda done, total: None,
) -> Believed:
    """Bayesian linear regression of what items earned on the terms of their scores.

    Items are compared with others of their list only (terms and rewards are less their list's
    mean), so what differs between users, moments and list lengths is no evidence. A reward is
    divided by the chance that its rank is looked at (inverse propensity; Joachims, Swaminathan &
    Schnabel, WSDM 2017). Rewards are in units of the slope of reward on score: by it, weights of 1
    are the log's own, and the prior is 1 ± deviation for each.

    Args:
        lists: Of the log.
        records: Of their decisions, drawn by thompson: others have no terms.
        lost: Lists that were left out before.
        deviation: Of a weight before anything was learned.
        looked: Chance that each rank is looked at, the last for all after it; () = 1.
        told: Hears of progress, in lists.

    Raises:
        EvidenceError: No list has terms, or several kinds of them; or items with higher scores
            surely earn no more than the others, so that there is nothing to scale by.
    """
    lost = Counter(lost)
    gathered: _Sums | None = None
    n_done = 0
    users: set[object] = set()
    for batch in decided(lists, records, _AT_ONCE, lost):
        n_done += len(batch.rows)
        told(n_done, len(lists))
        if not batch.field.features:
            lost["a decision without terms: it was not drawn by thompson"] += len(batch.rows)
            continue
        found = _sums(batch, lists, looked)
        if gathered is not None and len(found.cross) != len(gathered.cross):
            raise EvidenceError(
                f"scores of this log have {len(gathered.cross)} terms, then {len(found.cross)}: "
                "take the lists of one ranking"
            )
        gathered = found if gathered is None else gathered.plus(found)
        users.update(lists.users[batch.rows].tolist())
    if gathered is None:
        why = ", ".join(f"{count:,} · {reason}" for reason, count in lost.items())
        raise EvidenceError(f"no list of this log tells of weights ({why or 'it is empty'})")
    slope, error, noise = gathered.slope()
    if not slope > _SURE * error:
        raise EvidenceError(
            f"one more of the score came with {slope:+.4g} ± {_SURE * error:.2g} of the reward: "
            "too few lists to tell, or scores that say nothing of this reward"
        )
    prior = LastLayer.around(np.ones(len(gathered.cross)), deviation, noise / slope)
    layer = prior.plus(gathered.squares, gathered.cross / slope)
    return Believed(layer, slope, error, gathered.n_lists, len(users), lost)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Over items, of terms x (F,) and rewards r, both less their list's mean."""

    squares: Floats  # (F, F) of x xᵀ
    cross: Floats  # (F,) of x r
    rewards: float  # of r²
    n_items: int
    n_lists: int

    def plus(self, other: _Sums) -> _Sums:
        return _Sums(
            self.squares + other.squares,
            self.cross + other.cross,
            self.rewards + other.rewards,
            self.n_items + other.n_items,
            self.n_lists + other.n_lists,
        )

    def slope(self) -> tuple[float, float, float]:
        """Of reward on score, the sum of all terms; its standard error; the deviation about it."""
        spread, together = float(self.squares.sum()), float(self.cross.sum())
        free = self.n_items - self.n_lists - 1
        if spread <= 0 or free < 1:
            return 0.0, np.inf, np.inf
        slope = together / spread
        noise = np.sqrt(max(self.rewards - slope * together, 0.0) / free)
        return slope, float(noise / np.sqrt(spread)), float(noise)


def _sums(batch: Decided, lists: LoggedLists, looked: Sequence[float]) -> _Sums:
    n_terms = batch.field.features[0].shape[1]
    squares, cross, rewards, n_items = np.zeros((n_terms, n_terms)), np.zeros(n_terms), 0.0, 0
    for at, row in enumerate(batch.rows.tolist()):
        places = batch.lists.places[at, batch.lists.exists[at]]
        terms = batch.field.features[at][places]
        earned = lists.rewards[row, : len(places)] / looked_at(
            np.arange(1, len(places) + 1), looked
        )
        terms, earned = terms - terms.mean(axis=0), earned - earned.mean()
        squares += terms.T @ terms
        cross += terms.T @ earned
        rewards += float(earned @ earned)
        n_items += len(places)
    return _Sums(squares, cross, rewards, n_items, len(batch.rows))
