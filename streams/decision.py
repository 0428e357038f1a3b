"""What an event asks for, and what the agents may know of the shop while they apply it."""

from collections import Counter
from dataclasses import dataclass, field
from math import isnan

from index import Catalogue, Filter
from scoring.history import History
from streams.shop_counting import Counted

Attributes = tuple[str | None, str | None, float | None]


@dataclass(frozen=True, slots=True)
class Decision:
    """One list to be made: for whom, after which event, and what is known of them after it."""

    event_id: str
    user_id: str
    type: str
    event_at_ms: int
    query: str | None
    history: History
    simulated: bool
    filter: Filter | None = None
    region: str | None = None


@dataclass(slots=True)
class Shop:
    """The shop as one batch sees it.

    Attributes:
        catalogue: Of the index snapshot that the batch is ranked with.
        now_ms: Our clock.
        max_bytes: Longer messages are rejected.
        counts: What happened in the batch, for the metrics.
        counted: What the batch means for the counts of items; None = they are not kept.
    """

    catalogue: Catalogue
    now_ms: int
    max_bytes: int
    counts: Counter[str] = field(default_factory=Counter)
    counted: list[Counted] | None = None

    def attributes(self, item_id: str) -> Attributes:
        """Category, brand and price of an item, each None where it is not known."""
        catalogue = self.catalogue
        at = catalogue.position(item_id)
        if at < 0:
            self.counts["unknown_items"] += 1
            return None, None, None
        return attributes_at(catalogue, at)


def attributes_at(catalogue: Catalogue, at: int) -> Attributes:
    """Category, brand and price of the item at a position; -1 is no item."""
    if at < 0:
        return None, None, None
    price = float(catalogue.prices[at])
    return catalogue.categories[at], catalogue.brands[at], None if isnan(price) else price
