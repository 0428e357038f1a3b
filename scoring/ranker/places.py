"""The place of each candidate within its list by a number: a column like any other."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_NONE: Final = np.iinfo(np.int64).min
_LOW: Final = (1 << 32) - 1


def places(values: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """(F, M) numbers -> (F, M) how high each stands in its list: 1.5 for the first.

    ``1.5 - log(1 + n) / 2``, n = candidates of the list with a larger number. Equal numbers have
    the same place, so nothing depends on the order of the items.

    Args:
        values: Finite.
        starts: (B + 1,) list b has the columns starts[b] to starts[b + 1].
    """
    lengths = np.diff(starts)
    width = int(lengths.max(initial=0))
    n_rows, n_pairs = values.shape
    if not width:
        return np.empty((n_rows, n_pairs), np.float32)
    owners = np.repeat(np.arange(len(lengths)), lengths)
    across = np.arange(n_pairs) - starts[owners]
    gains = (1.5 - np.log1p(np.arange(width)) / 2).astype(np.float32)
    found = np.empty((n_rows, n_pairs), np.float32)
    for row, column in enumerate(values):
        # One int64 a pair, the number above and the place below: one sort orders both.
        table = np.full((len(lengths), width), _NONE, np.int64)
        table[owners, across] = (_ordered(column) << 32) | across
        table.sort(axis=1)
        table = table[:, ::-1]  # largest first, what is no candidate last
        heads = table >> 32
        begins = np.zeros(table.shape, np.int64)
        begins[:, 1:] = np.where(heads[:, 1:] != heads[:, :-1], np.arange(1, width), 0)
        above = np.maximum.accumulate(begins, axis=1)  # larger numbers of the list
        back = np.empty(table.shape, np.int64)
        there = table != _NONE
        users = np.broadcast_to(np.arange(len(lengths))[:, None], table.shape)
        back[users[there], table[there] & _LOW] = above[there]
        found[row] = gains[back[owners, across]]
    return found


def _ordered(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Integers in the order of these finite floats: their bits, the negative ones turned round."""
    bits = (values + np.float32(0.0)).view(np.int32).astype(np.int64)  # -0.0 becomes 0.0
    return np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
