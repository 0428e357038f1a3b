"""The place of each candidate within its list by a number: a column like any other."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.float_order import ordered

_MOST_LISTS: Final = 1 << 11
_PLACE_BITS: Final = 20
_ACROSS: Final = (1 << _PLACE_BITS) - 1
"""A list has a million candidates at most."""


def places(values: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """(F, M) numbers -> (F, M) how high each stands in its list: 1.5 for the first.

    ``1.5 - log(1 + n) / 2``, n = candidates of the list with a larger number. Equal numbers have
    the same place, so nothing depends on the order of the items.

    Args:
        values: Finite.
        starts: (B + 1,) list b has the columns starts[b] to starts[b + 1].
    """
    found = np.empty(values.shape, np.float32)
    for first in range(0, len(starts) - 1, _MOST_LISTS):
        bounds = starts[first : first + _MOST_LISTS + 1]
        if bounds[0] < bounds[-1]:
            some = slice(int(bounds[0]), int(bounds[-1]))
            found[:, some] = _places(values[:, some], bounds - bounds[0])
    return found


def _places(values: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """The same for as many lists as a key has room for, of which one at least is not empty."""
    lengths = np.diff(starts)
    begins = np.repeat(starts[:-1], lengths)
    within = np.arange(len(begins)) - begins
    # One int64 a number: its list above, the number turned round in the middle, the place in the
    # list below. One sort of a row orders all of its lists, the largest number first.
    around = np.repeat(np.arange(len(lengths)), lengths) << (_PLACE_BITS + 32)
    around += within + (1 << (_PLACE_BITS + 31))
    gains = (1.5 - np.log1p(np.arange(lengths.max())) / 2).astype(np.float32)
    changes = np.ones(len(begins), np.bool_)  # where a number is another one than that before it
    found = np.empty(values.shape, np.float32)
    for row, into in zip(values, found, strict=True):  # a row stays in the cache from step to step
        keys = (~ordered(row)).astype(np.int64)
        keys <<= _PLACE_BITS
        keys += around
        keys.sort()
        heads = keys >> _PLACE_BITS
        np.not_equal(heads[1:], heads[:-1], out=changes[1:])
        keys &= _ACROSS
        keys += begins
        into[keys] = gains[within[changes]][np.cumsum(changes) - 1]
    return found
