"""Chance by address: a number is a function of (seed, user, visit, purpose, rank), nothing else."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_MANTISSA = 2.0**-53


class Purpose(IntEnum):
    """What a number is drawn for: each purpose has numbers of its own."""

    STRANGER = 0
    OFFERED = 1
    EXAMINED = 2
    CLICKED = 3
    CARTED = 4
    BOUGHT = 5
    DWELT = 6
    STAYS = 7
    GAP = 8
    WANDERS = 9
    ENOUGH = 10
    WISHED = 11
    SEARCHED = 12
    WORDED = 13


def uniforms(
    seed: int, users: NDArray[np.int64], visits: NDArray[np.int64], purpose: Purpose, n: int
) -> NDArray[np.float64]:
    """Numbers in (0, 1) for each of b users, from the finaliser of SplitMix64.

    (Steele, Lea & Flood, OOPSLA 2014.) Each part of the address is mixed in by one round. numpy's
    own generators would need one object a user to say the same whoever else is asked for.

    Args:
        seed: Of the population.
        users: (b,) numbers from 0.
        visits: (b,) visits so far of each.
        purpose: What for.
        n: How many each.

    Returns:
        (b, n) float64.
    """
    with np.errstate(over="ignore"):  # arithmetic modulo 2^64 is meant
        start = np.full(len(users), seed & 0xFFFFFFFFFFFFFFFF, np.uint64)
        state = _mixed(start + np.uint64(purpose) * _GOLDEN)
        state = _mixed(state + (users.astype(np.uint64) + np.uint64(1)) * _GOLDEN)
        state = _mixed(state + (visits.astype(np.uint64) + np.uint64(1)) * _GOLDEN)
        steps = (np.arange(n, dtype=np.uint64) + np.uint64(1)) * _GOLDEN
        words = _mixed(state[:, None] + steps)
    found: NDArray[np.float64] = ((words >> np.uint64(11)).astype(np.float64) + 0.5) * _MANTISSA
    return found


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    found: NDArray[np.uint64] = words ^ (words >> np.uint64(31))
    return found
