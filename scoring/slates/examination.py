"""How likely each rank is to be looked at, from lists that were shown and what was clicked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Examination:
    """The position-based model: P(click) = P(rank is looked at) * P(item is wanted).

    (Richardson, Dominowska & Ragno, WWW 2007).

    Attributes:
        by_rank: (n,) probability that a rank is looked at beside that of rank 1, which is 1. Clicks
            tell no more: half as many looks and wishes twice as strong look the same.
        n_rounds: Of the estimation.
    """

    by_rank: NDArray[np.float64]
    n_rounds: int

    def weights(self, ranks: ArrayLike, at_most: float = 20.0) -> NDArray[np.float64]:
        """Inverse propensity weights of clicks at ranks from 1.

        (Joachims, Swaminathan & Schnabel, WSDM 2017), clipped: a rank that is hardly looked at must
        not decide alone.
        """
        seen = self.by_rank[np.asarray(ranks) - 1]
        found: NDArray[np.float64] = np.minimum(1.0 / np.maximum(seen, 1e-12), at_most)
        return found


def looked_at(ranks: NDArray[np.int64], looked: Sequence[float]) -> NDArray[np.float32]:
    """(n,) ranks from 1 -> (n,) chances that they are looked at.

    Args:
        ranks: In any order.
        looked: Of each rank, the last for all after it; () = all are.
    """
    known = np.array(looked or (1.0,), np.float32)
    return known[np.minimum(ranks - 1, len(known) - 1)]


def examination(
    groups: ArrayLike,
    ranks: ArrayLike,
    clicked: ArrayLike,
    *,
    tolerance: float = 1e-6,
    at_most: int = 5_000,
) -> Examination:
    """Expectation maximisation (Wang, Golbandi, Bendersky, Metzler & Najork, WSDM 2018, section 4).

    What is wanted may differ between groups (an item, or an item and a kind of user, as integers);
    the ranks look alike to all. It needs groups that were seen at several ranks, by chance and not
    because they had become better: lists of a random draw, see docs/ranking.md. A rank that nobody
    has seen, or that shares no group with rank 1 even over others, has a value that means nothing.

    Args:
        groups: (R,) integers from 0, one for each item shown.
        ranks: (R,) where it was shown, from 1.
        clicked: (R,) whether it was clicked.
        tolerance: Largest change of a rank's probability in the last round.
        at_most: Rounds.

    Raises:
        ValueError: Rows of different lengths, or none.
    """
    group, rank = np.asarray(groups, np.int64), np.asarray(ranks, np.int64) - 1
    yes = np.asarray(clicked, np.float64)
    if not len(group) or not len(group) == len(rank) == len(yes):
        raise ValueError(f"{len(group)} groups, {len(rank)} ranks and {len(yes)} clicks")
    n_ranks = int(rank.max()) + 1
    cells, cell = np.unique(group * n_ranks + rank, return_inverse=True)
    shown = np.bincount(cell).astype(np.float64)
    clicks = np.bincount(cell, yes)
    group, rank = cells // n_ranks, cells % n_ranks
    per_group = np.maximum(np.bincount(group, shown), 1.0)
    per_rank = np.maximum(np.bincount(rank, shown, minlength=n_ranks), 1.0)
    looked = 1.0 / np.sqrt(np.arange(1, n_ranks + 1) + 1.0)
    wanted = np.full(len(per_group), 0.5)
    n_rounds, moved = 0, np.inf
    while moved >= tolerance and n_rounds < at_most:
        n_rounds += 1
        look, want = looked[rank], wanted[group]
        missed = (shown - clicks) / np.maximum(1.0 - look * want, 1e-12)
        both = clicks + missed * look * (1.0 - want)
        before = looked / looked[0]
        looked = np.bincount(rank, both, minlength=n_ranks) / per_rank
        wanted = np.bincount(group, clicks + missed * (1.0 - look) * want) / per_group
        looked = np.maximum(looked, 1e-12)
        moved = float(np.abs(looked / looked[0] - before).max())
    return Examination(looked / looked[0], n_rounds)


def examination_errors(
    groups: ArrayLike,
    ranks: ArrayLike,
    clicked: ArrayLike,
    users: ArrayLike,
    *,
    n_samples: int = 20,
    seed: int = 0,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> NDArray[np.float64]:
    """Standard errors of `Examination.by_rank`: its deviation over other users (Efron 1979).

    Args:
        groups: (R,) as for `examination`.
        ranks: (R,) the same.
        clicked: (R,) the same.
        users: (R,) integers from 0: rows of one user are drawn together, for they are alike.
        n_samples: As many users are drawn so often, with replacement.
        seed: Of that chance.
        told: Hears of progress.
    """
    group, rank = np.asarray(groups, np.int64), np.asarray(ranks, np.int64)
    yes, user = np.asarray(clicked, np.bool_), np.asarray(users, np.int64)
    n_users, rows = int(user.max()) + 1, np.arange(len(user))
    found = np.full((n_samples, int(rank.max())), np.nan)  # no row of a rank may have been drawn
    chance = np.random.default_rng(seed)
    for at in range(n_samples):
        drawn = np.bincount(chance.integers(0, n_users, n_users), minlength=n_users)
        taken = np.repeat(rows, drawn[user])
        each = examination(group[taken], rank[taken], yes[taken], tolerance=1e-4)
        found[at, : len(each.by_rank)] = each.by_rank
        told(at + 1, n_samples)
    errors: NDArray[np.float64] = np.nanstd(found, axis=0, ddof=1)
    return errors
