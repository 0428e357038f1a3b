"""Where a user stands between 0 and 1: the same for ever, and another place under another salt."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

_BITS: Final = 53
"""As many as a float holds: every place is exact."""


def place_of(user_id: str, salt: str) -> float:
    """[0, 1), uniform over users; places under two salts are independent.

    Keyed BLAKE2b (RFC 7693) of the user's id: a pseudo-random function of it, so that neither the
    form of ids nor another experiment has a say (Kohavi et al. 2020, section 14, ask for both).

    Args:
        user_id: Whose.
        salt: Any text.
    """
    digest = hashlib.blake2b(user_id.encode(), digest_size=8, key=_key(salt)).digest()
    return float((int.from_bytes(digest) >> (64 - _BITS)) / (1 << _BITS))


@lru_cache(maxsize=64)
def _key(salt: str) -> bytes:
    """The 64 bytes of a BLAKE2b key."""
    return hashlib.blake2b(salt.encode()).digest()
