"""Queries and titles as words that can be compared: small letters, no plural s, sizes kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_WORD: Final = re.compile(r"[a-z0-9]+(?:[./'&+-][a-z0-9]+)*")
_SMALL: Final = frozenset(
    "a an and at by for from in is it my of on or the to with without your w".split()
)


def folded(text: str) -> str:
    """A text in small letters, blanks collapsed: what makes two of them one."""
    return " ".join(text.lower().split())


def words(text: str) -> list[str]:
    """The words of a text, each in the singular, as far as that is a matter of a last s."""
    return [_singular(word.replace("'", "")) for word in _WORD.findall(text.lower())]


def content(found: Sequence[str]) -> list[str]:
    """Without the words that every title may have."""
    return [word for word in found if word not in _SMALL]


def is_small(word: str) -> bool:
    """Whether it is one of those."""
    return word in _SMALL


def phrases(found: Sequence[str], longest: int) -> set[str]:
    """All runs of 1 … longest words."""
    return {
        " ".join(found[start : start + n])
        for n in range(1, longest + 1)
        for start in range(len(found) - n + 1)
    }


def _singular(word: str) -> str:
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    return word[:-1]
