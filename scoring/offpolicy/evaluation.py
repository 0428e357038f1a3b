"""A log and a target -> a report: with records of decisions, or with probabilities alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from scoring.offpolicy.decided import Decided, decided
from scoring.offpolicy.estimators import with_records, without_records
from scoring.offpolicy.followed import Followed, follow
from scoring.offpolicy.logged_lists import LoggedLists
from scoring.offpolicy.report import Report, report
from scoring.offpolicy.target import Target
from scoring.slates.evidence import Evidence

N_DRAWS: Final = 16
"""Lists drawn for each record, where not all its lists can be gone through."""

AT_ONCE: Final = 256
"""Lists that are followed together: 256 x 16 x 200 candidates are 7 MB a rank."""

NO_SHADOW: Final = "no record of the shadow"
NO_PROBABILITY: Final = "no probability of it under the target"
ODD_PROBABILITY: Final = "a probability under the target outside [0, 1], or no number"

Told = Callable[[int, int], None]
"""Is told how many lists of how many are done."""


def evaluate_records(
    lists: LoggedLists,
    records: Iterable[Evidence],
    target: Target,
    lost: Counter[str],
    *,
    told: Told | None = None,
) -> Report:
    """All estimators, from what each list was drawn from.

    Args:
        lists: Of the log, as `kept_lists` gives them.
        records: Of their decisions, and perhaps of more.
        target: The policy that is asked about.
        lost: What was left out before.
        told: Hears of progress.

    Raises:
        EvidenceError: The records do not tell what the target would do, or too little is left.
    """
    lost = Counter(lost)
    if target.shadows is not None:
        shadowed = np.array([each in target.shadows for each in lists.ids.tolist()], np.bool_)
        lists = lists.part(shadowed)
        if not shadowed.all():
            lost[NO_SHADOW] += int((~shadowed).sum())
    batches = decided(lists, records, AT_ONCE, lost)
    return evaluate_decided(lists, batches, target, lost, told=told)


def evaluate_decided(
    lists: LoggedLists,
    batches: Iterable[Decided],
    target: Target,
    lost: Counter[str],
    *,
    told: Told | None = None,
) -> Report:
    """The same from batches that are known to be what was drawn, as a simulator's own are.

    Raises:
        EvidenceError: As `evaluate_records`.
    """
    return evaluate_several(lists, batches, [target], lost, told=told)[0]


def evaluate_several(
    lists: LoggedLists,
    batches: Iterable[Decided],
    targets: Sequence[Target],
    lost: Counter[str],
    *,
    told: Told | None = None,
) -> list[Report]:
    """A report of each target from one reading of the records; arguments as above."""
    followed = [Followed.empty(*lists.there.shape) for _ in targets]
    known = np.zeros(len(lists), np.bool_)
    for number, batch in enumerate(batches):
        for target, into in zip(targets, followed, strict=True):
            follow(batch, target, into, N_DRAWS, seed=number)
        known[batch.rows] = True
        if told is not None:
            told(int(known.sum()), len(lists))
    rows = np.flatnonzero(known)
    kept, found = lists.part(rows), []
    for each in followed:
        part = each.part(rows)
        estimates = with_records(kept, part) if len(kept) > 1 else []
        found.append(report(kept, estimates, excluded=lost, unsupported=part.unsupported))
    return found


def evaluate_probabilities(
    lists: LoggedLists, probabilities: Mapping[str, Sequence[float]], lost: Counter[str]
) -> Report:
    """The estimators that need no more than the probability of what was logged.

    Args:
        lists: Of the log.
        probabilities: Recommendation id -> of each item of the list, given those above it, under
            the target.
        lost: What was left out before.

    Raises:
        EvidenceError: Too little is left.
    """
    target, more = np.ones(lists.there.shape), Counter[str]()
    kept = np.zeros(len(lists), np.bool_)
    for row, (each, n) in enumerate(zip(lists.ids.tolist(), lists.there.sum(axis=1), strict=True)):
        found = np.asarray(probabilities.get(each, ()), np.float64)
        if len(found) != n:
            more[NO_PROBABILITY] += 1
        elif not ((found >= 0) & (found <= 1)).all():
            more[ODD_PROBABILITY] += 1
        else:
            target[row, :n] = found
            kept[row] = True
    some = lists.part(kept)
    estimates = without_records(some, target[kept]) if len(some) > 1 else []
    return report(some, estimates, excluded=lost + more)
