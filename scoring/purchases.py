"""What all users of a batch bought and returned, as flat columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue
from scoring.bought import HEAD_BYTES, BoughtLog
from scoring.rings import PURCHASE, RETURN, Rings
from scoring.slate import Request

_PLACES: Final = 256 ** np.arange(5, -1, -1)  # of the bytes of a moment


@dataclass(frozen=True, slots=True)
class Purchases:
    """n purchases and returns of known items by B users, user by user; the columns are aligned.

    Attributes:
        starts: (B + 1,) user b has the entries starts[b] to starts[b + 1].
        owners: (n,) which user.
        positions: (n,) item positions in the snapshot.
        at_ms: (n,) event time; newest first for each user.
        ages_ms: (n,) time before the decision, at least 0.
        pieces: (n,) how many.
        returned: (n,) True = a return.
    """

    starts: NDArray[np.int64]
    owners: NDArray[np.int64]
    positions: NDArray[np.int64]
    at_ms: NDArray[np.int64]
    ages_ms: NDArray[np.float64]
    pieces: NDArray[np.float32]
    returned: NDArray[np.bool_]


def read_purchases(requests: Sequence[Request], rings: Rings, catalogue: Catalogue) -> Purchases:
    """Unpack what each user bought; who has no such log is read from their interactions.

    Of rows in which purchases are kept, the ring knows none where the log is empty: the fallback
    is for rows written before, and for histories put together by hand. A ring's strength of s says
    that there were at least 2 ** (s - 1) pieces.

    Args:
        requests: B requests.
        rings: Of the same users.
        catalogue: Where the items are; others are left out.
    """
    logs = [request.history.bought for request in requests]
    lengths = np.fromiter(map(len, logs), np.int64, len(logs))
    now_ms = np.fromiter((request.at_ms for request in requests), np.int64, len(requests))
    counts = (rings.types == PURCHASE) | (rings.types == RETURN)
    if not lengths.any():  # of most newcomers: nothing is unpacked, and the ring is in order
        return _of_rings(rings, np.flatnonzero(counts), now_ms)
    found = _of_logs(logs, lengths, now_ms, catalogue)
    counts &= lengths[rings.owners] == 0
    if not counts.any():
        return found
    return _together(found, _of_rings(rings, np.flatnonzero(counts), now_ms))


def _of_logs(
    logs: Sequence[BoughtLog],
    lengths: NDArray[np.int64],
    now_ms: NDArray[np.int64],
    catalogue: Catalogue,
) -> Purchases:
    """What rows have kept."""
    owners = np.repeat(np.arange(len(logs)), lengths)
    heads = np.frombuffer(b"".join([log.heads for log in logs]), np.uint8)
    heads = heads.reshape(-1, HEAD_BYTES).astype(np.int64)  # (n, 13)
    at_ms = heads[:, :6] @ _PLACES
    pieces = heads[:, 10:] @ _PLACES[-3:]
    positions = catalogue.positions(list(chain.from_iterable(log.item_ids for log in logs)))
    known = np.flatnonzero(positions >= 0)
    owners = owners[known]
    return Purchases(
        np.searchsorted(owners, np.arange(len(logs) + 1)),
        owners,
        positions[known],
        at_ms[known],
        np.maximum(now_ms[owners] - at_ms[known], 0).astype(np.float64),
        (pieces[known] >> 1).astype(np.float32),
        (pieces[known] & 1).astype(np.bool_),
    )


def _of_rings(rings: Rings, which: NDArray[np.int64], now_ms: NDArray[np.int64]) -> Purchases:
    """These interactions."""
    owners, ages_ms = rings.owners[which], rings.ages_ms[which]
    return Purchases(
        np.searchsorted(owners, np.arange(len(now_ms) + 1)),
        owners,
        rings.positions[which],
        now_ms[owners] - ages_ms.astype(np.int64),
        ages_ms,
        np.exp2(rings.quantities[which] - 1),
        rings.types[which] == RETURN,
    )


def _together(one: Purchases, other: Purchases) -> Purchases:
    """Both, user by user."""
    owners = np.concatenate([one.owners, other.owners])
    order = np.argsort(owners, kind="stable")
    return Purchases(
        np.searchsorted(owners[order], np.arange(len(one.starts))),
        owners[order],
        np.concatenate([one.positions, other.positions])[order],
        np.concatenate([one.at_ms, other.at_ms])[order],
        np.concatenate([one.ages_ms, other.ages_ms])[order],
        np.concatenate([one.pieces, other.pieces])[order],
        np.concatenate([one.returned, other.returned])[order],
    )
