"""What all users of a batch bought and returned, as flat columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue
from scoring.bought import HEAD_BYTES
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
    owners = np.repeat(np.arange(len(logs)), lengths)
    heads = np.frombuffer(b"".join([log.heads for log in logs]), np.uint8)
    heads = heads.reshape(-1, HEAD_BYTES).astype(np.int64)  # (n, 13)
    at_ms = heads[:, :6] @ _PLACES
    pieces = heads[:, 10:] @ _PLACES[-3:]
    positions = catalogue.positions(list(chain.from_iterable(log.item_ids for log in logs)))
    known = np.flatnonzero(positions >= 0)
    now_ms = np.fromiter((request.at_ms for request in requests), np.int64, len(requests))
    owners = owners[known]
    found = Purchases(
        np.searchsorted(owners, np.arange(len(logs) + 1)),
        owners,
        positions[known],
        at_ms[known],
        np.maximum(now_ms[owners] - at_ms[known], 0).astype(np.float64),
        (pieces[known] >> 1).astype(np.float32),
        (pieces[known] & 1).astype(np.bool_),
    )
    counts = (rings.types == PURCHASE) | (rings.types == RETURN)
    counts &= lengths[rings.owners] == 0
    return _with_rings(found, rings, np.flatnonzero(counts), now_ms) if counts.any() else found


def _with_rings(
    found: Purchases, rings: Rings, which: NDArray[np.int64], now_ms: NDArray[np.int64]
) -> Purchases:
    """The purchases, and these interactions among them, user by user."""
    owners = np.concatenate([found.owners, rings.owners[which]])
    order = np.argsort(owners, kind="stable")
    ages_ms = rings.ages_ms[which]
    at_ms = now_ms[rings.owners[which]] - ages_ms.astype(np.int64)
    pieces = np.exp2(rings.quantities[which] - 1)
    return Purchases(
        np.searchsorted(owners[order], np.arange(len(found.starts))),
        owners[order],
        np.concatenate([found.positions, rings.positions[which]])[order],
        np.concatenate([found.at_ms, at_ms])[order],
        np.concatenate([found.ages_ms, ages_ms])[order],
        np.concatenate([found.pieces, pieces])[order],
        np.concatenate([found.returned, rings.types[which] == RETURN])[order],
    )
