"""The floors of a file of rules for one catalogue: who belongs, and what is brought for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue, Change
from scoring.exposure import is_tail
from scoring.popular import Belongs, MostPopular
from scoring.rules.book import RuleBook
from scoring.rules.names import BRAND_FLOOR, CATEGORY_FLOOR, TAIL_FLOOR
from scoring.rules.pairs import pairs_of
from scoring.slates.field import Floor

_LISTS: Final = 3
"""So many lists' worth of a group's items are brought: some are struck, some were bought."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Group:
    name: str
    share: float
    belongs: Belongs


class FloorBook:
    """Floors and a catalogue, whose changes it follows; for one thread.

    What is the tail is the version's; an item that is new or changed is of it until its count
    reaches that of the least popular head item.
    """

    def __init__(self, book: RuleBook, catalogue: Catalogue, size: int) -> None:
        """Work out groups, and the most popular items of each that no rule blocks.

        Args:
            book: Its rules name the groups; follows a change before this does.
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
        self._brought = [self._most_popular(group, book, size) for group in self._groups]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._groups)

    def of(self, positions: Ints) -> list[Floor]:
        """The floors on (B, C) candidates."""
        return [Floor(each.name, each.belongs(positions), each.share) for each in self._groups]

    def pairs(self, n_users: int) -> Ints:
        """The groups' items as candidates of every user, for who has none of them else."""
        brought = np.unique(np.concatenate([each.positions for each in self._brought]))
        return pairs_of(np.arange(n_users)[:, None], brought).ravel()

    def follow(self, change: Change) -> None:
        """Take over one change of the catalogue."""
        for each in self._brought:
            each.follow(change)

    def _tail(self) -> Belongs:
        catalogue = self._catalogue
        counts = catalogue.popularity[: catalogue.n_base]
        tail = is_tail(counts)
        least = float(counts[~tail].min(initial=np.inf))

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

    def _most_popular(self, group: _Group, book: RuleBook, size: int) -> MostPopular:
        at_most = int(np.ceil(_LISTS * group.share * size))
        return MostPopular(self._catalogue, at_most, lambda at: group.belongs(at) & book.lets(at))


def _code(names: list[str], name: str) -> int:
    """The code of a name that may come later; no item has that of one that is not there."""
    try:
        return names.index(name)
    except ValueError:
        return -2
