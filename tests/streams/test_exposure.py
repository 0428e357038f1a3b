"""Who is shown: shares of lists, sales and attention, worked out by hand."""

import math

import numpy as np
import pytest

from index import Catalogue, Item
from streams.exposure import Exposure
from streams.outputs import Recommendation, RecommendedItem, Tasks, Trigger
from streams.shown_items import ShownItems

SHOP = Catalogue.from_items(
    [
        Item(item_id=f"i{n}", title="T", category="a" if n < 2 else None, brand="b")
        for n in range(5)
    ],
    np.array([50, 30, 10, 10, 0], np.float32),
)


def a_list(number: int, user: str, *ids: str, policy: str = "p1") -> Recommendation:
    trigger = Trigger(event_id="e", type="visit", at_ms=1, topic="t", partition=0, offset=number)
    items = tuple(
        RecommendedItem(
            item_id=item_id, rank=rank, score=0.0, tasks=Tasks(), propensity=1.0, reason=""
        )
        for rank, item_id in enumerate(ids, 1)
    )
    return Recommendation(
        recommendation_id=f"r{number}",
        user_id=user,
        at_ms=1,
        trigger=trigger,
        items=items,
        policy_version=policy,
    )


def exposure_of(*lists: Recommendation) -> Exposure:
    found = Exposure(SHOP)
    for each in lists:
        found.take(each)
    return found


def test_shares_of_places_and_of_attention() -> None:
    found = exposure_of(a_list(1, "ann", "i0", "i2"), a_list(2, "bob", "i0", "i1"))
    fifths = found.shares("popularity")
    assert [each.lists for each in fifths] == [0.5, 0.25, 0.25, 0, 0]
    assert [each.sales for each in fifths] == pytest.approx([0.5, 0.3, 0.1, 0.1, 0])
    second = 1 / math.log2(3)
    assert fifths[0].attention == pytest.approx(2 / (2 + 2 * second))
    a, none = found.shares("category")
    assert (a.group, a.items, a.lists) == ("a", 0.4, 0.75)
    assert (none.group, none.lists) == ("no category", 0.25)
    assert [each.group for each in found.shares("brand")] == ["b", "no brand"]


def test_each_policy_has_its_own_spread_over_users() -> None:
    lists = [a_list(n, f"u{n % 3}", "i0", "i4") for n in range(6)]
    found = exposure_of(*lists, lists[0], a_list(9, "ann", "i0", "gone", policy="p2"))
    first, second = found.spreads()
    assert (first.policy_version, first.n_lists, first.tail.value) == ("p1", 6, 0.5)
    assert (first.tail.n_users, first.shown) == (3, 0.4)
    assert first.gini == pytest.approx(0.6)
    assert (second.policy_version, second.tail.value) == ("p2", 0)
    assert (found.n_twice, found.n_unknown) == (1, 1)


def test_a_worker_counts_head_and_tail_and_begins_anew_with_another_version() -> None:
    shown = ShownItems()
    assert shown.take("v1", SHOP, [["i0", "i1"], ["i0", "i4"]]) == (2, 2)
    assert shown.gini() == pytest.approx(0.5)
    assert shown.take("v1", SHOP, []) == (0, 0)
    assert shown.take("v2", SHOP, [["i3"]]) == (0, 1)
    assert shown.gini() == pytest.approx(0.8)
