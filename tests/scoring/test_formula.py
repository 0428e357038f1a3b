"""Lists of random requests against the documented formula, and what holds for every list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import Snapshot
from scoring import Policy, Recommender, RelatedItems, Request, Slate
from scoring.shop_counts import ShopCounts
from tests.scoring.oracle import Sale, rank
from tests.scoring.shop import (
    DAY_MS,
    MINUTE_MS,
    NOW_MS,
    Words,
    bought,
    did,
    item,
    open_shop,
    request,
)

N_ITEMS, DIM = 60, 8
RNG = np.random.default_rng(3)
RELATED = RelatedItems(
    [f"i{n}" for n in range(5, N_ITEMS + 5)],  # five that the shop lacks, and not its first five
    np.where(RNG.random((N_ITEMS, 6)) < 0.2, -1, RNG.integers(0, N_ITEMS, (N_ITEMS, 6))).astype(
        np.int32
    ),
    np.zeros((N_ITEMS, 6), np.float32),
)
RELATED.strengths[RELATED.neighbours >= 0] = 0.5
RELATED.strengths[:, 0] *= 1.5
QUERIES = {f"query {n}": RNG.standard_normal(DIM).tolist() for n in range(4)}

SALES = tuple(
    Sale(
        f"i{int(RNG.pareto(1.0) * 5) % (N_ITEMS + 3)}",
        NOW_MS - int(RNG.exponential(5 * DAY_MS)),
        [None, "GB", "GB", "FR", "DE"][RNG.integers(5)],
        bool(RNG.random() < 0.4),
    )
    for _ in range(600)
)
"""Enough that the counts speak; more newcomers are from GB than from elsewhere."""


def counted(sales: Sequence[Sale]) -> ShopCounts:
    """As the shop's workers count them."""
    shop = ShopCounts()
    for sale in sales:
        shop.observe(
            sale.item_id, "purchase", sale.at_ms, region=sale.region, newcomer=sale.newcomer
        )
    return shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Sixty random items, some sold out, of a few categories and brands."""
    items = [
        item(
            f"i{n}",
            category=f"c{n % 4}" if n % 5 else None,
            brand=f"b{n % 3}",
            in_stock=n % 6 != 0,
        )
        for n in range(N_ITEMS)
    ]
    vectors = np.random.default_rng(1).standard_normal((N_ITEMS, DIM), np.float32)
    popularity = np.random.default_rng(2).pareto(1.0, N_ITEMS)
    return open_shop(tmp_path_factory.mktemp("index"), items, vectors, popularity.tolist())


_interactions = st.builds(
    did,
    st.sampled_from(["view", "click", "cart", "purchase", "return", "favorite"]),
    st.integers(0, N_ITEMS + 3).map("i{}".format),
    st.one_of(st.integers(0, 2 * 60 * MINUTE_MS), st.integers(0, 60 * DAY_MS)),
    st.integers(1, 3),
)
_purchases = st.builds(
    bought,
    st.integers(0, N_ITEMS + 3).map("i{}".format),
    st.integers(0, 200 * DAY_MS),
    st.sampled_from(["purchase", "purchase", "return"]),
)
_requests = st.builds(
    lambda ring, query, counts, exclude, log, region: request(
        *ring, query=query, counts=counts, exclude=exclude, log=log, region=region
    ),
    st.lists(_interactions, max_size=12),
    st.sampled_from([None, *QUERIES]),
    st.dictionaries(st.sampled_from(["c:c0", "c:c2", "b:b1", "c:gone", "p:4"]), st.floats(0.5, 9)),
    st.lists(st.integers(0, N_ITEMS).map("i{}".format), max_size=5),
    st.lists(_purchases, max_size=8),
    st.sampled_from([None, "GB", "FR", "nowhere"]),
)
_policies = st.builds(
    Policy,
    slate_size=st.integers(1, 20),
    exclude_bought=st.booleans(),
    just_seen_window_ms=st.sampled_from([0.0, 60_000.0]),
    search_hit=st.sampled_from([0.35, 0.7, 2.0]),
)


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(_requests, min_size=1, max_size=6),
    _policies,
    st.sampled_from([None, RELATED]),
    st.sampled_from([(), SALES]),
)
def test_lists_are_those_of_the_documented_formula(
    shop: Snapshot,
    requests: list[Request],
    policy: Policy,
    related: RelatedItems | None,
    sales: tuple[Sale, ...],
) -> None:
    """The index gives 100 of 60 items, so retrieval leaves nothing out."""
    recommender = Recommender(
        shop, Words(QUERIES), policy=policy, related=related, shop=counted(sales)
    )
    slates = recommender.recommend(requests)
    for asked, slate in zip(requests, slates, strict=True):
        query = None if asked.query is None else QUERIES[asked.query]
        expected = rank(asked, shop, policy, query, related, sales)
        if _undecided(asked, shop, policy):
            continue
        scores = dict(expected)
        assert len(slate.items) == min(policy.slate_size, len(expected))
        for place, (found, (item_id, total)) in enumerate(zip(slate.items, expected, strict=False)):
            assert found.rank == place + 1
            assert found.score == pytest.approx(total, abs=1e-4)
            # Another item may stand here only if it is as good.
            assert found.item_id == item_id or scores[found.item_id] == pytest.approx(
                total, abs=1e-4
            )


def _undecided(asked: Request, shop: Snapshot, policy: Policy) -> bool:
    """Purchases and returns nearly cancel: what is left is rounding, and the oracle's differs."""
    from scoring.rings import read_rings, type_weights

    rings = read_rings([asked], shop, policy, type_weights(policy))
    for weights in rings.weights:
        left = np.linalg.norm(weights @ rings.vectors)
        if abs(weights.sum() - policy.least_evidence) < 1e-3:
            return True
        if 0 < left < 1e-3 * np.abs(weights).sum():
            return True
    return False


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(_requests, min_size=1, max_size=6), _policies)
def test_a_slate_has_no_duplicates_and_nothing_that_a_rule_forbids(
    shop: Snapshot, requests: list[Request], policy: Policy
) -> None:
    for asked, slate in zip(
        requests,
        Recommender(shop, Words(QUERIES), policy=policy).recommend(requests),
        strict=True,
    ):
        ids = [found.item_id for found in slate.items]
        assert len(set(ids)) == len(ids)
        assert not asked.exclude & set(ids)
        assert all(shop.catalogue.in_stock[shop.catalogue.position(each)] for each in ids)
        assert [found.rank for found in slate.items] == list(range(1, len(ids) + 1))
        assert [found.score for found in slate.items] == sorted(
            (found.score for found in slate.items), reverse=True
        )
        assert all(found.propensity == 1.0 and found.reason for found in slate.items)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(_requests, min_size=2, max_size=6))
def test_a_batch_gives_what_its_requests_give_alone(
    shop: Snapshot, requests: list[Request]
) -> None:
    recommender = Recommender(shop, Words(QUERIES))
    together = recommender.recommend(requests)
    assert [_plain(slate) for slate in together] == [
        _plain(recommender.recommend([alone])[0]) for alone in requests
    ]


def _plain(slate: Slate) -> Any:
    return msgspec.to_builtins(slate.items), slate.unknown_items, sorted(slate.interests)
