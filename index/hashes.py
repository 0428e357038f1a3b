"""Content hashes: the same hash, the same content; what a build compares and reuses by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from index.catalogue import Item

Hashes = NDArray[np.uint64]

# The columns of hashes.npy: two words of what was encoded, one of all that is known of the item.
WIDTH = 3
_encode = msgspec.json.Encoder().encode


def text_hashes(encoder_version: str, texts: Sequence[str]) -> Hashes:
    """What decides a vector: the model and the words.

    Returns:
        (n, 2) uint64, 128 bits for each text; never two zeros, which mean that it is not known.
    """
    model = hashlib.blake2b(encoder_version.encode()).digest()
    base = hashlib.blake2b(key=model, digest_size=16)
    return _digests(base, (text.encode() for text in texts), 16)


def item_hashes(items: Sequence[Item]) -> Hashes:
    """All that is known of each item.

    Returns:
        (n, 1) uint64.
    """
    return _digests(hashlib.blake2b(digest_size=8), map(_encode, items), 8)


def id_hashes(item_ids: Iterable[str]) -> Hashes:
    """(n, 2) uint64: 128 bits, so that two ids of one catalogue never share one."""
    return _digests(hashlib.blake2b(digest_size=16), (item_id.encode() for item_id in item_ids), 16)


def _digests(base: hashlib.blake2b, contents: Iterable[bytes], size: int) -> Hashes:
    digests = bytearray()
    for content in contents:
        one = base.copy()
        one.update(content)
        digests += one.digest()
    return np.frombuffer(digests, dtype="<u8").reshape(-1, size // 8).astype(np.uint64)
