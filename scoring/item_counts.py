"""What happened to one item, as decayed counts; light to import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec

DAY_MS: Final = 86_400_000
BOUGHT_DAYS: Final = (1.0, 3.0, 7.0, 14.0, 28.0, 90.0)
LOOKED_DAYS: Final = (1 / 24, 1.0, 7.0)
REGION_DAYS: Final = 14.0
MAX_REGIONS: Final = 32
NEVER: Final = -1

LOOKED: Final = frozenset({"view", "click", "cart", "favorite", "share"})
"""Event types that count as a look; a purchase is counted for itself."""

_Bought = Annotated[tuple[float, ...], msgspec.Meta(min_length=6, max_length=6)]
_Looked = Annotated[tuple[float, ...], msgspec.Meta(min_length=3, max_length=3)]


class ItemCounts(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Counts of one item as they stood at `at_ms`; each is halved after its half-life.

    Later, a count is `count * 2 ** (-(now - at_ms) / half_life)`: so all of them age without being
    touched, and an event is added in constant time (forward decay: Cormode, Shkapenyuk, Srivastava
    & Xu, ICDE 2009, with the item's newest event as the landmark).

    Attributes:
        at_ms: Moment of the newest event.
        bought: Purchases with the half-lives `BOUGHT_DAYS`.
        looked: Looks (`LOOKED`) with the half-lives `LOOKED_DAYS`.
        regions: Purchases by region, half-life `REGION_DAYS`; the `MAX_REGIONS` largest.
        newcomers: The same of purchases by newcomers, "" standing for a region that is not known.
        first_ms: Moment of the oldest event.
        latest_ms: Moment of the newest purchase, `NEVER` before the first.
        again: Purchases by users who had bought the item before, never decayed.
        buyers: Purchases by users who had not.
        price: Of the newest purchase that told one.
        price_ms: When that was.
    """

    at_ms: int
    bought: _Bought = (0.0,) * len(BOUGHT_DAYS)
    looked: _Looked = (0.0,) * len(LOOKED_DAYS)
    regions: Mapping[str, float] = {}
    newcomers: Mapping[str, float] = {}
    first_ms: int
    latest_ms: int = NEVER
    again: int = 0
    buyers: int = 0
    price: float | None = None
    price_ms: int = NEVER

    @classmethod
    def first(cls, at_ms: int) -> ItemCounts:
        """Nothing counted yet; the first event comes at this moment."""
        return cls(at_ms=at_ms, first_ms=at_ms)

    def observe(
        self,
        type_: str,
        at_ms: int,
        *,
        region: str | None = None,
        newcomer: bool | None = None,
        bought_before: bool | None = None,
        price: float | None = None,
    ) -> ItemCounts:
        """These counts and one event; what is neither a purchase nor a look only has a moment.

        Args:
            type_: Event type on the wire.
            at_ms: Event time; it may be older than what is counted already.
            region: Where the user is; None = not known.
            newcomer: Whether the user had bought nothing until a day ago; None = not known.
            bought_before: Whether the user had bought the item; None = not known.
            price: Paid for one piece.
        """
        latest = max(self.at_ms, at_ms)
        bought = _faded(self.bought, latest - self.at_ms, BOUGHT_DAYS)
        looked = _faded(self.looked, latest - self.at_ms, LOOKED_DAYS)
        regions, newcomers = (_faded_regions(r, latest - self.at_ms) for r in self.of_regions)
        purchase = type_ == "purchase"
        if purchase:
            bought = _one_more(bought, latest - at_ms, BOUGHT_DAYS)
            one = half(latest - at_ms, REGION_DAYS)
            if region is not None:
                regions = _with_region(regions, region, one)
            if newcomer:
                newcomers = _with_region(newcomers, region or "", one)
        elif type_ in LOOKED:
            looked = _one_more(looked, latest - at_ms, LOOKED_DAYS)
        told = purchase and price is not None and at_ms >= self.price_ms
        return ItemCounts(
            at_ms=latest,
            bought=bought,
            looked=looked,
            regions=regions,
            newcomers=newcomers,
            first_ms=min(self.first_ms, at_ms),
            latest_ms=max(self.latest_ms, at_ms) if purchase else self.latest_ms,
            again=self.again + (purchase and bought_before is True),
            buyers=self.buyers + (purchase and bought_before is False),
            price=price if told else self.price,
            price_ms=at_ms if told else self.price_ms,
        )

    @property
    def of_regions(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        """Counts by region: of all purchases, and of those by newcomers."""
        return self.regions, self.newcomers


def half(age_ms: float, half_life_days: float) -> float:
    """What is left of 1 after so long."""
    return float(2.0 ** (-age_ms / (half_life_days * DAY_MS)))


def _faded(
    counts: tuple[float, ...], age_ms: int, half_lives: Sequence[float]
) -> tuple[float, ...]:
    if not age_ms:
        return counts
    return tuple(c and c * half(age_ms, h) for c, h in zip(counts, half_lives, strict=True))


def _one_more(
    counts: tuple[float, ...], age_ms: int, half_lives: Sequence[float]
) -> tuple[float, ...]:
    return tuple(c + half(age_ms, h) for c, h in zip(counts, half_lives, strict=True))


def _faded_regions(counts: Mapping[str, float], age_ms: int) -> Mapping[str, float]:
    if not counts or not age_ms:
        return counts
    left = half(age_ms, REGION_DAYS)
    return {name: count * left for name, count in counts.items()}


def _with_region(counts: Mapping[str, float], region: str, one: float) -> Mapping[str, float]:
    more = {**counts, region: counts.get(region, 0.0) + one}
    if len(more) > MAX_REGIONS:
        del more[min(more, key=lambda name: (more[name], name))]
    return more
