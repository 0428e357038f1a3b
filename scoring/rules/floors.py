"""The floors of a file of rules for one catalogue: who belongs, and what is brought for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue
from scoring.exposure import is_tail
from scoring.rules.book import RuleBook
from scoring.rules.names import BRAND_FLOOR, CATEGORY_FLOOR, TAIL_FLOOR
from scoring.rules.pairs import pairs_of
from scoring.slates.field import Floor

_LISTS: Final = 3
"""So many lists' worth of a group's items are brought: some are struck, some were bought."""

Ints = NDArray[np.int64]
Belongs = Callable[[Ints], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class _Group:
    name: str
    share: float
    belongs: Belongs


class FloorBook:
    """Floors and a catalogue, whose changes it reads; for one thread.

    What is the tail is decided when the version is opened or the rules change; a new item is of
    it until its count reaches that of the least popular head item.
    """

    def __init__(self, book: RuleBook, catalogue: Catalogue, size: int) -> None:
        """Work out groups, and the most popular items of each that no rule blocks.

        Args:
            book: Its rules name the groups.
            catalogue: Of the snapshot.
            size: Items in a list.
        """
        said = book.rules.floors
        self._catalogue = catalogue
        self._groups: list[_Group] = []
        if said.tail is not None:
            self._groups.append(_Group(TAIL_FLOOR, said.tail, self._tail()))
        for name, share in said.categories.items():
            label = f"{CATEGORY_FLOOR}:{name}"
            self._groups.append(_Group(label, share, self._in_category(name)))
        for name, share in said.brands.items():
            self._groups.append(_Group(f"{BRAND_FLOOR}:{name}", share, self._of_brand(name)))
        brought = [self._most_popular(group, book, size) for group in self._groups]
        self._brought = np.unique(np.concatenate([*brought, np.empty(0, np.int64)]))

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._groups)

    def of(self, positions: Ints) -> list[Floor]:
        """The floors on (B, C) candidates."""
        return [Floor(each.name, each.belongs(positions), each.share) for each in self._groups]

    def pairs(self, n_users: int) -> Ints:
        """The groups' items as candidates of every user, for who has none of them else."""
        return pairs_of(np.arange(n_users)[:, None], self._brought).ravel()

    def _tail(self) -> Belongs:
        catalogue = self._catalogue
        tail = is_tail(catalogue.popularity[: len(catalogue)])
        head = catalogue.popularity[: len(tail)][~tail]
        least = float(head.min(initial=np.inf))

        def belongs(positions: Ints) -> NDArray[np.bool_]:
            found: NDArray[np.bool_] = catalogue.popularity[positions] < least
            known = positions < len(tail)
            found[known] = tail[positions[known]]
            return found

        return belongs

    def _in_category(self, name: str) -> Belongs:
        catalogue = self._catalogue
        return lambda positions: (
            catalogue.category_codes[positions] == _code(catalogue.category_names, name)
        )

    def _of_brand(self, name: str) -> Belongs:
        catalogue = self._catalogue
        return lambda positions: (
            catalogue.brand_codes[positions] == _code(catalogue.brand_names, name)
        )

    def _most_popular(self, group: _Group, book: RuleBook, size: int) -> Ints:
        catalogue = self._catalogue
        every = book.unblocked(np.arange(len(catalogue)))
        found = every[group.belongs(every) & catalogue.in_stock[every]]
        order = np.argsort(-catalogue.popularity[found], kind="stable")
        return found[order[: int(np.ceil(_LISTS * group.share * size))]]


def _code(names: list[str], name: str) -> int:
    """The code of a name that may come later; no item has that of one that is not there."""
    try:
        return names.index(name)
    except ValueError:
        return -2
