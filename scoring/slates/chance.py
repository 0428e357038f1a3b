"""Chance that can be had again: every random number of a list is a function of its id."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

_WORDS: Final = 8  # 64-bit words in the longest digest of BLAKE2b
_MANTISSA: Final = 2.0**-53


def uniforms(recommendation_ids: Sequence[str], n_ranks: int) -> NDArray[np.float64]:
    """One number in [0, 1) for each rank of each list.

    Rank r of a list takes the upper 53 bits of word (r - 1) mod 8 of BLAKE2b of its id, salted with
    (r - 1) div 8: no state, no library whose streams may change.

    Args:
        recommendation_ids: B ids.
        n_ranks: Length of a list, n.

    Returns:
        (B, n) float64.
    """
    n_blocks = -(-n_ranks // _WORDS)
    salts = [block.to_bytes(2, "little") for block in range(n_blocks)]
    words = b"".join(
        hashlib.blake2b(each.encode(), salt=salt).digest()
        for each in recommendation_ids
        for salt in salts
    )
    raw = np.frombuffer(words, "<u8").reshape(len(recommendation_ids), n_blocks * _WORDS)
    return (raw[:, :n_ranks] >> np.uint64(11)).astype(np.float64) * _MANTISSA


def normals(recommendation_id: str, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Standard normal numbers of one list (Box & Muller 1958, of Philox's raw words).

    Raw words of a bit generator stay the same between versions of numpy; its own `standard_normal`
    need not.
    """
    key = hashlib.blake2b(recommendation_id.encode(), digest_size=16, person=b"normals").digest()
    n_pairs = -(-shape[0] * shape[1] // 2)
    raw = np.random.Philox(key=int.from_bytes(key, "little")).random_raw(2 * n_pairs)
    spread = ((raw >> np.uint64(11)) + 0.5) * _MANTISSA  # never 0
    radius = np.sqrt(-2.0 * np.log(spread[:n_pairs]))
    angle = 2.0 * np.pi * spread[n_pairs:]
    both = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    found: NDArray[np.float64] = both[: shape[0] * shape[1]].reshape(shape)
    return found
