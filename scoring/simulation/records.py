"""What a shop's own log says of its items, as columns beside what it knows anyway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from scoring.simulation.contract import Offer, Shoppers
from scoring.simulation.told_more import ToldMore

RECORDED: Final = (
    "click_rate",  # log odds of a click on what was looked at
    "purchase_rate",  # log odds of a purchase of what was clicked
    "mean_dwell",  # log seconds on its page
)
"""Columns after `FEATURES`; each less its mean over items."""

_AS_LOOKS: Final = 20.0
_AS_CLICKS: Final = 10.0
"""What is known of items in general counts as so many looks, or clicks, of each."""


@dataclass(frozen=True, slots=True)
class Records:
    """Rates of N items.

    Attributes:
        columns: (N, 3) float32, as in `RECORDED`.
    """

    columns: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        n_items: int,
        places: NDArray[np.int64],
        clicks: NDArray[np.bool_],
        purchases: NDArray[np.bool_],
        dwell_s: NDArray[np.float64],
    ) -> Self:
        """From R items that were looked at; rates are drawn to those of all items.

        Args:
            n_items: N.
            places: (R,) in the catalogue.
            clicks: (R,).
            purchases: (R,).
            dwell_s: (R,) seconds, 0 without a click.
        """
        looks = np.bincount(places, minlength=n_items)
        clicked = np.bincount(places[clicks], minlength=n_items)
        bought = np.bincount(places[purchases], minlength=n_items)
        dwelt = np.log(np.maximum(dwell_s[clicks], 1e-3))
        mean = dwelt.mean() if len(dwelt) else 0.0
        longer = np.bincount(places[clicks], weights=dwelt - mean, minlength=n_items)
        columns = np.stack(
            [
                _log_odds(clicked, looks, _AS_LOOKS),
                _log_odds(bought, clicked, _AS_CLICKS),
                longer / (clicked + _AS_CLICKS),
            ],
            axis=1,
        )
        return cls((columns - columns.mean(axis=0)).astype(np.float32))


class RecordedShoppers(ToldMore):
    """A population whose offers hold the records of its items.

    Records are counts of a log that a shop has, never the truth of an item; a shop that has no log
    of these people may use that of others.
    """

    def __init__(self, shoppers: Shoppers, records: Records) -> None:
        super().__init__(shoppers, RECORDED)
        self._records = records

    def _told(self, offer: Offer, users: NDArray[np.int64] | None) -> NDArray[np.float32]:
        return self._records.columns[offer.places]


def _log_odds(
    happened: NDArray[np.int64], of: NDArray[np.int64], weight: float
) -> NDArray[np.float64]:
    """(N,) of rates, each drawn to that of all by `weight` of its own cases."""
    everywhere = (happened.sum() + 1.0) / (of.sum() + 2.0)
    rates = (happened + weight * everywhere) / (of + weight)
    found: NDArray[np.float64] = np.log(rates / (1.0 - rates))
    return found
