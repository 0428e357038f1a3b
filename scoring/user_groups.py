"""Groups of users that are looked at apart: how well they are known, and where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

RARE_UP_TO: Final = 3
FEWEST: Final = 50
"""A group with fewer lists is one of the others: nothing could be said of it."""

Familiarity = Literal["new", "rare", "frequent"]
FAMILIARITIES: Final[tuple[Familiarity, ...]] = ("new", "rare", "frequent")


def familiarity(n_before: int) -> Familiarity:
    """Of a user with so many earlier visits: none, one to three, or more."""
    if not n_before:
        return "new"
    return "rare" if n_before <= RARE_UP_TO else "frequent"


def by_familiarity(n_before: Sequence[int]) -> dict[str, list[int]]:
    """Name of a group -> its rows; empty ones are left out."""
    found: dict[str, list[int]] = {f"{name} users": [] for name in FAMILIARITIES}
    for row, each in enumerate(n_before):
        found[f"{familiarity(each)} users"].append(row)
    return {name: rows for name, rows in found.items() if rows}


def by_label(labels: Sequence[str | None], rest: str) -> dict[str, list[int]]:
    """Label -> its rows, the largest group first, those with fewer than `FEWEST` rows as one.

    Args:
        labels: Of each row; None = not known, in no group.
        rest: Name of the group of the small ones, where there is more than one label.
    """
    groups: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        if label is not None:
            groups.setdefault(label, []).append(row)
    ordered = sorted(groups.items(), key=lambda pair: -len(pair[1]))
    found = {label: rows for label, rows in ordered if len(rows) >= FEWEST}
    others = [row for _, rows in ordered if len(rows) < FEWEST for row in rows]
    if others and len(groups) > 1:
        found[rest] = others
    return found
