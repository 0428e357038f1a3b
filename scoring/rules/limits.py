"""What acts inside a draw: the caps of a batch, and which item is pinned to which rank."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue
from scoring.policy import Policy
from scoring.rules.names import BRAND_CAP, CATEGORY_CAP, TITLE_CAP
from scoring.rules.pairs import USER_SHIFT, pairs_of, places_in
from scoring.rules.rule_file import Pin, Rules
from scoring.slate import Request
from scoring.slates.field import UNLIMITED, Cap


@dataclass(frozen=True, slots=True)
class Pinned:
    """Items that are pinned in the lists of a batch.

    Attributes:
        pairs: (p,) user and item.
        ranks: (p,) from 0.
        reasons: p, what the shopper is told.
    """

    pairs: NDArray[np.int64]
    ranks: NDArray[np.int64]
    reasons: list[str]

    def __len__(self) -> int:
        """Number of pins."""
        return len(self.pairs)

    def among(self, pairs: NDArray[np.int64]) -> Pinned:
        """Those that act: of a user's candidates, for each rank the first, of each item the first.

        Args:
            pairs: (M,) sorted, what the hard rules have left.
        """
        if not len(self) or not len(pairs):
            return NOTHING_PINNED
        acting: list[int] = []
        pinned: set[int] = set()
        taken: set[tuple[int, int]] = set()
        for place in np.flatnonzero(places_in(pairs, self.pairs)[1]).tolist():
            pair, rank = int(self.pairs[place]), int(self.ranks[place])
            if pair not in pinned and (pair >> USER_SHIFT, rank) not in taken:
                pinned.add(pair)
                taken.add((pair >> USER_SHIFT, rank))
                acting.append(place)
        return Pinned(
            self.pairs[acting], self.ranks[acting], [self.reasons[place] for place in acting]
        )


NOTHING_PINNED: Final = Pinned(np.empty(0, np.int64), np.empty(0, np.int64), [])


def pins_of(requests: Sequence[Request], rules: Rules, catalogue: Catalogue, size: int) -> Pinned:
    """The pins whose conditions are met, in the order of the file."""
    if not rules.pins:
        return NOTHING_PINNED
    users: list[int] = []
    positions: list[int] = []
    ranks: list[int] = []
    reasons: list[str] = []
    at = [catalogue.position(pin.item) for pin in rules.pins]
    for user, request in enumerate(requests):
        words = set(re.findall(r"\w+", (request.query or "").casefold()))
        for pin, position in zip(rules.pins, at, strict=True):
            if position >= 0 and pin.position <= size and _applies(pin, request, words):
                users.append(user)
                positions.append(position)
                ranks.append(pin.position - 1)
                reasons.append(pin.reason)
    pairs = pairs_of(np.array(users, np.int64), np.array(positions, np.int64))
    return Pinned(pairs, np.array(ranks, np.int64), reasons)


def _applies(pin: Pin, request: Request, words: set[str]) -> bool:
    if pin.since is not None or pin.until is not None:
        day = datetime.fromtimestamp(request.at_ms / 1000, UTC).date()
        if (pin.since and day < pin.since) or (pin.until and day > pin.until):
            return False
    if pin.category is not None and (
        request.filter is None or pin.category not in request.filter.categories
    ):
        return False
    return pin.query is None or words.issuperset(re.findall(r"\w+", pin.query.casefold()))


class Caps:
    """The caps of a policy and of a file of rules for one catalogue, whose names may become more.

    A group that the file names has its own cap; all others have the smaller of both.
    """

    def __init__(self, rules: Rules, policy: Policy, catalogue: Catalogue) -> None:
        """Work out the limit of each group."""
        said = rules.caps
        self._catalogue = catalogue
        self._category = _Kind(CATEGORY_CAP, said.category, policy.category_cap, said.categories)
        self._brand = _Kind(BRAND_CAP, said.brand, policy.brand_cap, said.brands)
        self._title = min(said.title or UNLIMITED, policy.title_cap or UNLIMITED)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self._category.acts or self._brand.acts or self._title < UNLIMITED

    def of(self, positions: NDArray[np.int64]) -> list[Cap]:
        """The caps on (B, C) items."""
        catalogue, found = self._catalogue, []
        if self._category.acts:
            codes = catalogue.category_codes[positions]
            found.append(self._category.cap(codes, catalogue.category_names))
        if self._brand.acts:
            codes = catalogue.brand_codes[positions]
            found.append(self._brand.cap(codes, catalogue.brand_names))
        if self._title < UNLIMITED:
            groups = catalogue.title_codes[positions].astype(np.int64)
            limits = np.where(groups < 0, UNLIMITED, self._title)
            found.append(Cap(TITLE_CAP, groups, limits))
        return found

    def spread(self, positions: NDArray[np.int64], size: int) -> NDArray[np.int64]:
        """The same items, those first that a list of `size` of them has under the caps."""
        if not self:
            return positions
        columns = [
            (cap.groups[0].tolist(), cap.limits[0].tolist()) for cap in self.of(positions[None, :])
        ]
        used: Counter[tuple[int, int]] = Counter()
        first: list[int] = []
        for place in range(len(positions)):
            if len(first) == size:
                break
            keys = [(kind, groups[place]) for kind, (groups, _) in enumerate(columns)]
            limits = [limits[place] for _, limits in columns]
            if all(used[key] < limit for key, limit in zip(keys, limits, strict=True)):
                used.update(keys)
                first.append(place)
        return np.concatenate([positions[first], np.delete(positions, first)])


class _Kind:
    """Caps on categories, or on brands."""

    def __init__(
        self, name: str, default: int | None, by_policy: int, named: Mapping[str, int]
    ) -> None:
        self._name = name
        self._named = named
        self._default = min(default or UNLIMITED, by_policy or UNLIMITED)
        self._limits = np.empty(0, np.int64)
        self.acts = bool(named) or self._default < UNLIMITED

    def cap(self, codes: NDArray[np.int32], names: Sequence[str]) -> Cap:
        if len(self._limits) != len(names) + 1:
            known = [self._named.get(name, self._default) for name in names]
            self._limits = np.array([*known, UNLIMITED])  # code -1, no group, finds the last
        return Cap(self._name, codes.astype(np.int64), self._limits[codes])
