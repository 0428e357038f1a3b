"""A ranker at work in one catalogue: candidates that its tables bring, and every pair's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue, Change
from scoring.candidates import Pool
from scoring.catalogue_rows import CatalogueRows
from scoring.interests import Interests
from scoring.policy import Policy
from scoring.purchases import Purchases
from scoring.ranker.alike import Alike, user_digest
from scoring.ranker.closed_form import PAST_HALF_LIFE_DAYS, RECENT_DAYS, TABLES
from scoring.ranker.features import SESSION, SPOKEN, lay_out
from scoring.ranker.knowledge import Knowledge
from scoring.ranker.past import ITEM_FEATURES, NOTHING, SESSION_MS, Past, read_past
from scoring.ranker.shop_features import region_features, shop_features
from scoring.ranker.speaking import AT_ONCE, Entries, Pattern, Sums, best
from scoring.rings import TYPES, Rings
from scoring.rules.pairs import USER_SHIFT, pairs_of, places_in
from scoring.shop_columns import ShopColumns
from scoring.slate import Request

LATEST: Final = 100
"""Items of a user that speak: those bought last."""

_MEANT: Final = [TYPES.index(name) for name in ("cart", "purchase", "favorite")]
_DECAYED_45D: Final = ITEM_FEATURES.index("decayed_45d")
SUMMED: Final = (*SPOKEN, *SESSION)
"""What speaks for items: K sums over what a user bought and what the visit is about."""

_BRINGING: Final = ("customers", "customers_30d", "baskets_30d", "following", *SESSION)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of the users of a batch before there are candidates.

    Attributes:
        past: What they bought.
        session: Sorted pairs of user and item that the visit is about.
        regions: Of the B users; None = not known.
        sums: (K, B, T) what speaks for each of the ranker's items, by `SUMMED`.
        brought: Candidates: the best of the sums, by their source in `policy.MARKS`.
    """

    past: Past
    session: NDArray[np.int64]
    regions: Sequence[str | None]
    sums: NDArray[np.float32]
    brought: dict[str, NDArray[np.int64]]


class RankerSource:
    """What a ranker knows of items, in one catalogue; for one thread."""

    def __init__(self, knowledge: Knowledge, catalogue: Catalogue) -> None:
        """Find the items.

        Args:
            knowledge: Tables and customers.
            catalogue: Of the snapshot; tell of its changes with `follow`.
        """
        tables = knowledge.tables
        n_rows = len(tables.item_ids)
        self._catalogue = catalogue
        self._rows = CatalogueRows(tables.item_ids, catalogue)
        self._pattern = Pattern(tables.starts, tables.neighbours.astype(np.int64), n_rows)
        self._tables = dict(zip(TABLES, tables.weights, strict=True))
        self._alike = Alike(knowledge.customers, n_rows)
        self._shop: tuple[ShopColumns, NDArray[np.float32]] | None = None

    def follow(self, change: Change) -> None:
        """Take over what an upsert or a deletion in the live index has changed."""
        self._rows.follow(change)

    def ask(
        self, requests: Sequence[Request], rings: Rings, purchases: Purchases, policy: Policy
    ) -> Asked:
        """What the users' pasts and visits speak for.

        Args:
            requests: B requests.
            rings: Of the same users.
            purchases: Of the same users.
            policy: Its quotas for `tables` and `alike`.
        """
        past = read_past(purchases)
        session = _session(rings)
        sums = np.zeros((len(SUMMED), len(requests), self._pattern.width), np.float32)
        by_name = dict(zip(SUMMED, sums, strict=True))
        self._of_past(requests, past, by_name)
        self._of_session(session, len(requests), by_name)
        most = policy.quotas.get("tables", policy.candidates)
        columns = self._rows.positions
        tables = [best(by_name[name], columns, most) for name in _BRINGING]
        few = policy.quotas.get("alike", policy.candidates)
        alike = best(by_name["alike"], columns, few)
        brought = {"tables": np.concatenate(tables), "alike": alike}
        return Asked(past, session, [each.region for each in requests], sums, brought)

    def features(
        self,
        asked: Asked,
        pool: Pool,
        cosines: NDArray[np.float32],
        interests: Interests,
        shop: ShopColumns,
    ) -> NDArray[np.float32]:
        """(F, M) raw columns of every candidate, see `features.FEATURES`.

        Args:
            asked: From `ask`.
            pool: M candidates of the same B users.
            cosines: (3, M) to the three interests.
            interests: Of the users.
            shop: Counts at the moment of the decision, aligned to the catalogue.
        """
        positions = pool.positions
        own = np.repeat(NOTHING[:, None], len(positions), axis=1)
        if len(positions) and len(asked.past.pairs):
            at, there = places_in(pool.pairs, asked.past.pairs)
            own[:, at[there]] = asked.past.items[:, there]
        in_session = np.zeros((1, len(positions)), np.float32)
        if len(positions) and len(asked.session):
            at, there = places_in(pool.pairs, asked.session)
            in_session[0, at[there]] = 1.0
        of_regions, shares = region_features(shop, asked.regions, pool.users, positions)
        price = np.where(
            shop.price[positions] > 0, shop.price[positions], self._catalogue.prices[positions]
        )
        n_session = np.bincount(asked.session >> USER_SHIFT, minlength=len(pool.starts) - 1)
        return lay_out(
            pool.starts,
            [
                own,
                self._at(asked.sums, pool),
                in_session,
                cosines,
                self._of_shop(shop)[:, positions],
                of_regions,
                np.log1p(np.nan_to_num(price, nan=0.0))[None, :],
            ],
            [asked.past.users, np.log1p(n_session)[None, :], shares[None], interests.confidence.T],
        )

    def _at(self, sums: NDArray[np.float32], pool: Pool) -> NDArray[np.float32]:
        """(K, M) the sums of each candidate, 0 where it is not one of the ranker's items."""
        rows = self._rows.of(pool.positions)
        if not sums.size:
            return np.zeros((len(sums), len(rows)), np.float32)
        cells = pool.users * sums.shape[2] + np.maximum(rows, 0)
        found: NDArray[np.float32] = np.take(sums.reshape(len(sums), -1), cells, axis=1)
        found[:, rows < 0] = 0.0
        return found

    def _of_shop(self, shop: ShopColumns) -> NDArray[np.float32]:
        """(len(SHOP_FEATURES), N), worked out once for each reading of the counts."""
        if self._shop is None or self._shop[0] is not shop:
            self._shop = (shop, shop_features(shop))
        return self._shop[1]

    def _of_past(
        self, requests: Sequence[Request], past: Past, into: Mapping[str, NDArray[np.float32]]
    ) -> None:
        """Add up each of `SPOKEN`."""
        rows = self._rows.of(past.positions)
        known = np.flatnonzero((rows >= 0) & np.isfinite(past.days_since))
        known = known[_latest(past.owners[known], past.days_since[known], LATEST)]
        owners, days = past.owners[known], past.days_since[known]
        entries = Entries(np.searchsorted(owners, np.arange(len(requests) + 1)), rows[known])
        faded = np.exp2(-days / PAST_HALF_LIFE_DAYS)
        squares = np.bincount(owners, faded**2, minlength=len(requests))
        of_length_1 = faded / np.sqrt(np.maximum(squares, 1e-18))[owners]
        recent = days < RECENT_DAYS
        for users, chosen, some in entries.parts(AT_ONCE):
            sums = Sums(some, self._pattern)
            customers = sums.met(self._tables["customers"])
            sums.add(np.ones(len(some.rows)), customers, into["customers"][users])
            sums.add(faded[chosen], customers, into["customers_30d"][users])
            sums.add(recent[chosen], sums.met(self._tables["recent"]), into["recent"][users])
            baskets = sums.met(self._tables["baskets"])
            sums.add(faded[chosen], baskets, into["baskets_30d"][users])
            following = sums.met(self._tables["following"])
            sums.add(of_length_1[chosen], following, into["following"][users])
        digests = np.array([user_digest(each.user_id) for each in requests], np.int64)
        self._alike.add(entries, past.items[_DECAYED_45D, known], digests, into["alike"])

    def _of_session(
        self, session: NDArray[np.int64], n_users: int, into: Mapping[str, NDArray[np.float32]]
    ) -> None:
        """Add up each of `SESSION`."""
        owners = session >> USER_SHIFT
        rows = self._rows.of(session - (owners << USER_SHIFT))
        known = rows >= 0
        entries = Entries(np.searchsorted(owners[known], np.arange(n_users + 1)), rows[known])
        sums, ones = Sums(entries, self._pattern), np.ones(len(entries.rows))
        for name, table in zip(SESSION, ("customers", "recent", "baskets"), strict=True):
            sums.add(ones, sums.met(self._tables[table]), into[name])


def _session(rings: Rings) -> NDArray[np.int64]:
    """Sorted pairs of user and item: in the cart, bought or liked in the last minutes."""
    recent = np.flatnonzero((rings.ages_ms < SESSION_MS) & np.isin(rings.types, _MEANT))
    return np.unique(pairs_of(rings.owners[recent], rings.positions[recent]))


def _latest(owners: NDArray[np.int64], days: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Ascending places of each owner's `most` entries with the fewest days; owners ascend."""
    order = np.lexsort((days, owners))
    begins = np.searchsorted(owners, owners[order])
    kept: NDArray[np.int64] = np.sort(order[np.arange(len(order)) - begins < most])
    return kept
