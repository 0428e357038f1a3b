"""Of whom records are joined: of everybody, or of a share of the users where there is no room."""

from __future__ import annotations

import zlib
from typing import Final

_ALL: Final = 2**32
_LEAST: Final = _ALL >> 10


class LearnedUsers:
    """Those whose ids have the lowest checksums: with all that they saw and did, or not at all.

    Records dropped one by one would leave lists without their answers, which are then negatives.
    """

    def __init__(self) -> None:
        """Begin with everybody."""
        self._below = _ALL

    def __contains__(self, user_id: str) -> bool:
        return zlib.crc32(user_id.encode()) < self._below

    @property
    def share(self) -> float:
        """In (0, 1]."""
        return self._below / _ALL

    def halve(self) -> bool:
        """Leave out every other one; not below a share of 1/1,024, and false is said there."""
        if self._below <= _LEAST:
            return False
        self._below //= 2
        return True

    def double(self) -> None:
        """Take in as many more, if they are not all here."""
        self._below = min(self._below * 2, _ALL)
