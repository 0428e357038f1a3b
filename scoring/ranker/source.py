"""A ranker at work in one catalogue: candidates that its tables bring, and every pair's columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

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
from scoring.ranker.speaking import Entries, Layout, best
from scoring.rings import TYPES, Rings
from scoring.rules.pairs import USER_SHIFT, pairs_of, places_in
from scoring.shop_columns import ShopColumns
from scoring.slate import Request

LATEST: Final = 100
"""Items of a user that speak: those bought last."""

_MEANT: Final = [TYPES.index(name) for name in ("cart", "purchase", "favorite")]
_DECAYED_45D: Final = ITEM_FEATURES.index("decayed_45d")
_BRINGING: Final = ("customers", "customers_30d", "baskets_30d", "following")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of the users of a batch before there are candidates.

    Attributes:
        past: What they bought.
        session: Sorted pairs of user and item that the visit is about.
        regions: Of the B users; None = not known.
        sums: (B, T) what speaks for each of the ranker's items, by `SPOKEN` and `SESSION`.
        brought: Candidates: the best of the sums, by their source in `policy.MARKS`.
    """

    past: Past
    session: NDArray[np.int64]
    regions: Sequence[str | None]
    sums: dict[str, csr_array]
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
        self._tables = {
            name: csr_array((weights, tables.neighbours, tables.starts), shape=(n_rows, n_rows))
            for name, weights in zip(TABLES, tables.weights, strict=True)
        }
        self._alike = Alike(knowledge.customers, n_rows)
        self._layout = Layout()

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
        sums = self._of_past(requests, past) | self._of_session(session, len(requests))
        most = policy.quotas.get("tables", policy.candidates)
        columns = self._rows.positions
        tables = [best(sums[name], columns, most) for name in (*_BRINGING, *SESSION)]
        few = policy.quotas.get("alike", policy.candidates)
        alike = best(sums["alike"], columns, few)
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
        spoken = [self._at(asked.sums[name], pool) for name in (*SPOKEN, *SESSION)]
        of_items = shop_features(shop)[:, positions]
        of_regions, shares = region_features(shop, asked.regions, pool.users, positions)
        price = np.where(shop.price > 0, shop.price, self._catalogue.prices[: len(shop.price)])
        prices = np.log1p(np.nan_to_num(price[positions], nan=0.0))[None, :]
        of_pairs = np.concatenate([own, spoken, in_session, cosines, of_items, of_regions, prices])
        n_users = len(pool.starts) - 1
        n_session = np.bincount(asked.session >> USER_SHIFT, minlength=n_users)
        of_users = np.concatenate(
            [
                asked.past.users,
                np.log1p(n_session)[None, :],
                shares[None, :],
                interests.confidence.T,
            ]
        )
        return lay_out(
            pool.users, pool.starts, of_pairs.astype(np.float32), of_users.astype(np.float32)
        )

    def _at(self, sums: csr_array, pool: Pool) -> NDArray[np.float32]:
        n_items = len(self._catalogue)
        return self._layout.at(sums, self._rows.positions, n_items, pool.positions, pool.starts)

    def _of_past(self, requests: Sequence[Request], past: Past) -> dict[str, csr_array]:
        """(B, T) for each of `SPOKEN`."""
        rows = self._rows.of(past.positions)
        known = np.flatnonzero((rows >= 0) & np.isfinite(past.days_since))
        known = known[_latest(past.owners[known], past.days_since[known], LATEST)]
        owners, days = past.owners[known], past.days_since[known]
        entries = Entries(np.searchsorted(owners, np.arange(len(requests) + 1)), rows[known])
        faded = np.exp2(-days / PAST_HALF_LIFE_DAYS)
        squares = np.bincount(owners, faded**2, minlength=len(requests))
        of_length_1 = faded / np.sqrt(np.maximum(squares, 1e-18))[owners]
        digests = np.array([user_digest(each.user_id) for each in requests], np.int64)
        tables = self._tables
        return {
            "customers": entries.times(np.ones(len(days)), tables["customers"]),
            "customers_30d": entries.times(faded, tables["customers"]),
            "recent": entries.times((days < RECENT_DAYS).astype(np.float32), tables["recent"]),
            "baskets_30d": entries.times(faded, tables["baskets"]),
            "following": entries.times(of_length_1, tables["following"]),
            "alike": self._alike.of(entries, past.items[_DECAYED_45D, known], digests),
        }

    def _of_session(self, session: NDArray[np.int64], n_users: int) -> dict[str, csr_array]:
        """(B, T) for each of `SESSION`."""
        owners = session >> USER_SHIFT
        rows = self._rows.of(session - (owners << USER_SHIFT))
        known = rows >= 0
        entries = Entries(np.searchsorted(owners[known], np.arange(n_users + 1)), rows[known])
        ones = np.ones(len(entries.rows))
        names = ("customers", "recent", "baskets")
        found = [entries.times(ones, self._tables[name]) for name in names]
        return dict(zip(SESSION, found, strict=True))


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
