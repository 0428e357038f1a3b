"""Which rows are tested, validated and learned: by a hash of the first text, never by chance."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

_Row = TypeVar("_Row")


def place_of(key: str, *salt: object) -> float:
    """A key's place in [0, 1), the same on every machine and in every order of rows."""
    text = "\0".join([*map(str, salt), " ".join(key.casefold().split())])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / 2**64


def split(
    rows: Sequence[_Row], key: Callable[[_Row], str], share: float, *salt: object
) -> tuple[list[_Row], list[_Row]]:
    """Rows -> (a share of them, the rest), in their order; rows of one key stay together."""
    chosen = [place_of(key(row), *salt) < share for row in rows]
    return (
        [row for row, taken in zip(rows, chosen, strict=True) if taken],
        [row for row, taken in zip(rows, chosen, strict=True) if not taken],
    )


def first_of_each(
    rows: Sequence[_Row],
    group: Callable[[_Row], str],
    key: Callable[[_Row], str],
    n: int,
    seed: int,
) -> list[_Row]:
    """At most n rows of each group, those with the lowest places."""
    taken: dict[str, int] = {}
    kept = []
    for row in sorted(rows, key=lambda row: place_of(key(row), "few", seed)):
        if taken.get(group(row), 0) < n:
            taken[group(row)] = taken.get(group(row), 0) + 1
            kept.append(row)
    return kept
