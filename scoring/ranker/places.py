"""The place of each candidate within its list by a number: a column like any other."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_LAST: Final = (1 << 31) - 1
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
    cells = owners * width + across
    gains = (1.5 - np.log1p(np.arange(width)) / 2).astype(np.float32)
    found = np.empty((n_rows, n_pairs), np.float32)
    ranks = np.arange(width)
    lines = np.arange(len(lengths))[:, None] * width
    back = np.empty(len(lengths) * width, np.int64)
    for row, column in enumerate(values):
        # One int64 a pair, the number turned round above and the place below: one sort orders both,
        # the largest first, and what is no candidate last.
        table = np.tile((_LAST << 32) | ranks, len(lengths))
        table[cells] = (~_ordered(column) << 32) | across
        table = table.reshape(len(lengths), width)
        table.sort(axis=1)
        heads = table >> 32
        above = np.zeros(table.shape, np.int64)  # larger numbers of the list
        np.multiply(heads[:, 1:] != heads[:, :-1], ranks[1:], out=above[:, 1:])
        np.maximum.accumulate(above, axis=1, out=above)
        back[lines + (table & _LOW)] = above
        found[row] = gains[back[cells]]
    return found


def _ordered(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Integers in the order of these finite floats: their bits, the negative ones turned round."""
    bits = (values + np.float32(0.0)).view(np.int32).astype(np.int64)  # -0.0 becomes 0.0
    return np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
