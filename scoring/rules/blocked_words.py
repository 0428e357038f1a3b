"""Words that keep a title out of every list, found in a title's time and not in their number's."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

_RUN: Final = re.compile(r"\w+")


class BlockedWords:
    """Whole words, or several in a row; capitals do not matter, as `re.IGNORECASE` has it.

    A shop's list may have thousands: one pattern of them all would try each at each place of each
    title. So a title is asked for those only of which it has the longest word.
    """

    def __init__(self, words: Sequence[str]) -> None:
        """Sort them by their longest words."""
        self._by_run: dict[str, list[str]] = defaultdict(list)
        self._others: list[str] = []  # of signs alone, as "++"
        for word in words:
            runs = _RUN.findall(word)
            (self._by_run[_alike(max(runs, key=len))] if runs else self._others).append(word)
        self._patterns: dict[str, re.Pattern[str]] = {}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._by_run or self._others)

    def are_in(self, title: str) -> bool:
        """Whether any of them is in a title."""
        runs = {_alike(run) for run in _RUN.findall(title)}
        if any(self._found(run, self._by_run[run], title) for run in runs & self._by_run.keys()):
            return True
        return bool(self._others) and self._found("", self._others, title)

    def _found(self, run: str, words: Sequence[str], title: str) -> bool:
        pattern = self._patterns.get(run)
        if pattern is None:
            either = "|".join(r"\s+".join(map(re.escape, word.split())) for word in words)
            pattern = re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)
            self._patterns[run] = pattern
        return pattern.search(title) is not None


def _alike(run: str) -> str:
    """The same for all that `re.IGNORECASE` takes for one, and for a little more."""
    return run.upper().casefold().replace("\u0307", "")  # which is left of a Turkish I
