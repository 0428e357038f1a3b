"""Baskets and questions from events; columns in training are those of serving."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

from index import Snapshot
from scoring import Policy, Recommender, Request
from scoring.ranker.features import FEATURES
from scoring.ranker.heads import Heads
from scoring.ranker.knowledge import Knowledge, KnowledgeSettings
from scoring.ranker.lists import Question, lists_of
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.ranker import Ranker
from scoring.shop_counts import ShopCounts
from streams.agents import clicks
from streams.baskets.baskets import baskets_of, sales_of
from streams.baskets.replay import Replay
from streams.decision import Shop
from streams.events import Click
from streams.row import Source, UserRow
from tests.streams.baskets.log import BEGIN_MS, DAY_MS, build_shop, events

MINUTE_MS = 60_000


@pytest.fixture
def shop(tmp_path: Path) -> Snapshot:
    return build_shop(tmp_path)


def clicks_of(rows: list[dict[str, Any]]) -> list[Click]:
    return [msgspec.convert(row, Click) for row in rows]


def bought(user: str, item: str, minute: int, number: int, **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"{user}{number}",
        "user_id": user,
        "type": "purchase",
        "item_id": item,
        "at_ms": BEGIN_MS + minute * MINUTE_MS,
    } | more


def test_a_visit_ends_with_a_pause_or_with_its_session() -> None:
    found = baskets_of(
        clicks_of(
            [
                bought("a", "i1", 0, 0),
                bought("a", "i2", 29, 1),
                bought("a", "i1", 30, 2),
                bought("a", "i3", 61, 3),
                bought("b", "i4", 61, 4, type="view"),
                bought("a", "i5", 62, 5, session_id="other"),
            ]
        )
    )
    assert {place: list(basket.items) for place, basket in found.items()} == {
        0: ["i1", "i2"],
        3: ["i3"],
        5: ["i5"],
    }
    sales = sales_of(list(found.values()))
    assert [sales.item_ids[item] for item in sales.items] == ["i1", "i2", "i3", "i5"]
    assert sales.baskets.tolist() == [0, 0, 1, 2]


def test_questions_know_what_came_before_and_nothing_later(shop: Snapshot) -> None:
    log = clicks_of(
        [
            bought("a", "i1", 0, 0),
            bought("a", "i1", 100, 1),
            bought("a", "i2", 101, 2),
            bought("b", "i9", 102, 3),
        ]
    )
    asked: list[Question] = []
    replay = Replay(log, baskets_of(log), shop.catalogue)
    replay.run(BEGIN_MS + 50 * MINUTE_MS, None)
    replay.run(BEGIN_MS + DAY_MS, asked.extend, half_given=np.random.default_rng(0))
    start, midst, other = asked
    assert (start.wanted, start.had, start.n_before) == (
        frozenset({"i1", "i2"}),
        frozenset({"i1"}),
        1,
    )
    assert [each.item_id for each in start.request.history.interactions] == ["i1"]
    assert (start.given, len(midst.given)) == (frozenset(), 1)
    assert midst.given | midst.wanted == {"i1", "i2"}
    assert midst.request.exclude == midst.given
    (cart, _) = midst.request.history.interactions
    assert (frozenset({cart.item_id}), cart.type) == (midst.given, "a")
    assert (other.request.user_id, other.n_before) == ("b", 0)


def test_columns_in_training_are_those_of_serving(shop: Snapshot) -> None:
    """The same events through the agent's own code, one user's visit asked as a worker would."""
    log = clicks_of(events())
    baskets = baskets_of(log)
    sales = sales_of(list(baskets.values()))
    until_ms = BEGIN_MS + 40 * DAY_MS
    knowledge = Knowledge.learn(sales, until_ms, KnowledgeSettings(nearest=5), 0)
    network = HeadsNetwork(len(FEATURES), 1, n_hidden=0)
    ranker = Ranker(Heads.of(FEATURES, ("cvr",), network), knowledge)
    policy = Policy(slate_size=5, candidates=10, just_seen_window_ms=0)

    trained: dict[tuple[str, int], np.ndarray[Any, Any]] = {}
    replay = Replay(log, baskets, shop.catalogue)
    replay.run(until_ms, None)
    learning = Recommender(shop, None, policy=policy, ranker=ranker, shop=replay.shop)

    def ask(questions: Sequence[Question]) -> None:
        lists = lists_of(
            questions, learning.gather([each.request for each in questions]), shop.catalogue
        )
        for g, each in enumerate(questions):
            rows = lists.features[lists.starts[g] : lists.starts[g + 1]]
            trained[each.request.user_id, each.request.at_ms] = rows

    replay.run(until_ms + 5 * DAY_MS, ask)

    counts, rows = ShopCounts(), dict[str, UserRow]()
    serving = Recommender(shop, None, policy=policy, ranker=ranker, shop=counts)
    n_compared = 0
    for place, event in enumerate(log):
        if event.at_ms >= until_ms + 5 * DAY_MS:
            break
        record = SimpleNamespace(
            offset=place,
            timestamp=event.at_ms,
            key=event.user_id.encode(),
            value=msgspec.json.encode(event),
            headers=(),
        )
        seen = Shop(shop.catalogue, event.at_ms, 100_000, counted=[])
        before = rows.get(event.user_id, UserRow.empty())
        rows[event.user_id], decision = clicks.apply(record, Source("t:0", place), before, seen)
        if (event.user_id, event.at_ms) in trained:
            assert event.type == "visit"
            request = Request(event.user_id, event.at_ms, decision.history)
            chances = serving.gather([request]).chances
            assert chances is not None
            expected = chances.features.T.astype(np.float16)
            assert np.allclose(trained[event.user_id, event.at_ms], expected, atol=2e-3, rtol=2e-3)
            n_compared += 1
        for each in seen.counted or ():
            counts.observe(
                each.item_id,
                each.type,
                each.at_ms,
                region=each.region,
                newcomer=each.newcomer,
                bought_before=each.bought_before,
                price=each.price,
            )
    assert n_compared == len(trained) > 10
