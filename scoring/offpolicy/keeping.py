"""Which logged lists can be reckoned with; all others are left out, and counted by reason."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.errors import EvidenceError
from scoring.offpolicy.logged_lists import LoggedLists
from scoring.offpolicy.logged_rows import LoggedRows, coded_texts

DUPLICATE: Final = "the same row again (one was kept)"
CONFLICT: Final = "two lists under one id"
PROPENSITY: Final = "a propensity that is 0, outside (0, 1] or not a number"
REWARD: Final = "a reward that is negative or not a number"
FUTURE: Final = "a reward from before its list, or from the future"
RANKS: Final = "ranks that are not 1, 2, 3 … to the list's length"
TWICE: Final = "an item twice in the list"
UNSEEN: Final = "a reward of what was never shown"
MADE_UP: Final = "simulated, beside real ones"
REAL: Final = "real, beside simulated ones"


def kept_lists(
    rows: LoggedRows, until_ms: int, *, simulated: bool = False
) -> tuple[LoggedLists, Counter[str]]:
    """The lists that can be reckoned with, and how many could not, by the first reason found.

    A row that is there twice, equal in all that counts, is kept once and counted as a row. Every
    other flaw leaves its whole list out: what is left of such a list would say something else.

    Args:
        rows: In any order.
        until_ms: When the log ends; what is later has not happened.
        simulated: Where real and simulated lists are mixed, which ones count.

    Raises:
        EvidenceError: No row at all.
    """
    if not len(rows):
        raise EvidenceError("the log has no rows: nothing was shown, or nothing was exported")
    lost: Counter[str] = Counter()
    ids, codes = coded_texts(rows.lists)
    once = rows.first_ones(codes)
    lost[DUPLICATE] = len(rows) - len(once)
    rows, codes = rows.part(once), codes[once]
    firsts = np.unique(codes, return_index=True)[1]
    bad = np.zeros(len(ids), np.bool_)
    for reason, flawed in _flaws(rows, codes, firsts, until_ms).items():
        found = np.bincount(codes, flawed, minlength=len(ids)) > 0
        lost[reason] += int((found & ~bad).sum())
        bad |= found
    made_up = rows.simulated[firsts]
    marked = made_up[~bad] if not bad.all() else made_up
    if marked.any() and not marked.all():
        other = made_up != simulated
        lost[REAL if simulated else MADE_UP] += int((other & ~bad).sum())
        bad |= other
    else:
        simulated = bool(marked.all())
    return _rectangles(rows, codes, ~bad, simulated), +lost


def _flaws(
    rows: LoggedRows, codes: NDArray[np.int64], firsts: NDArray[np.int64], until_ms: int
) -> dict[str, NDArray[np.bool_]]:
    """Reason -> (R,) rows that are flawed by it."""
    sizes = np.bincount(codes)
    first = firsts[codes]
    answered = rows.earned > 0
    return {
        CONFLICT: _repeated(codes, rows.ranks)
        | (rows.users != rows.users[first])
        | (rows.at_ms != rows.at_ms[first])
        | (rows.simulated != rows.simulated[first]),
        RANKS: (rows.ranks < 1) | (rows.ranks > sizes[codes]),
        TWICE: _repeated(codes, coded_texts(rows.items)[1]),
        PROPENSITY: ~((rows.propensities > 0) & (rows.propensities <= 1)),  # NaN is neither
        REWARD: ~(np.isfinite(rows.earned) & (rows.earned >= 0)),
        UNSEEN: answered & ~rows.examined,
        FUTURE: (rows.at_ms > until_ms)
        | (rows.reward_at_ms > until_ms)
        | ((rows.reward_at_ms >= 0) & (rows.reward_at_ms < rows.at_ms)),
    }


def _repeated(codes: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(R,) where a list has had this value in an earlier row."""
    together = np.stack([codes, values], axis=1)
    found = np.ones(len(codes), np.bool_)
    found[np.unique(together, axis=0, return_index=True)[1]] = False
    return found


def _rectangles(
    rows: LoggedRows, codes: NDArray[np.int64], good: NDArray[np.bool_], simulated: bool
) -> LoggedLists:
    there_rows = good[codes]
    lists = (np.cumsum(good) - 1)[codes[there_rows]]
    kept = rows.part(there_rows)
    ranks = kept.ranks - 1
    shape = (int(good.sum()), int(ranks.max(initial=0)) + 1)
    ids, users = (np.empty(shape[0], object) for _ in range(2))
    items = np.full(shape, "", object)
    there = np.zeros(shape, np.bool_)
    propensities, rewards = np.ones(shape), np.zeros(shape)
    ids[lists], users[lists] = kept.lists, kept.users
    items[lists, ranks] = kept.items
    there[lists, ranks] = True
    propensities[lists, ranks] = kept.propensities
    rewards[lists, ranks] = kept.earned
    return LoggedLists(ids, users, items, there, propensities, rewards, simulated)
