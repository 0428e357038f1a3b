"""A ranking over a live index makes the lists that one over a new build would make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import Item, LiveIndex
from scoring import Policy, Recommender, Request
from scoring.popular import Popular
from tests.scoring.shop import Words, did, item, open_shop, request

N, DIM = 30, 6
VECTORS = np.random.default_rng(4).standard_normal((300, DIM)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
POPULARITY = np.append(np.arange(N - 1, dtype=np.float32), 100.0)
POLICY = Policy(slate_size=5, candidates=6, least_evidence=0.01)
WORDS = Words({"cup": VECTORS[7].tolist(), "far": (-VECTORS[0]).tolist()})


def thing(number: int, category: str, *, in_stock: bool = True) -> Item:
    return item(f"i{number}", category=category, brand=f"b{number % 4}", in_stock=in_stock)


def requests() -> list[Request]:
    return [
        request(),
        request(query="cup"),
        request(did("click", "i3"), did("purchase", "i8", 3e6), counts={"c:red": 4.0, "b:b1": 2}),
        request(did("view", "i31"), did("cart", "i2"), counts={"c:new": 9.0}, exclude=["i4"]),
        request(*(did("click", f"i{n}", 9e5 + n) for n in range(20)), query="far"),
    ]


CHANGES = st.lists(
    st.tuples(
        st.integers(0, N + 15).filter(lambda n: n != N - 1),  # its popularity is the scale
        st.sampled_from(["delete", "sold out", "red", "blue", "new"]),
        st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(batches=st.lists(CHANGES, min_size=1, max_size=3))
def test_lists_are_those_of_a_new_build(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[int, str, bool]]]
) -> None:
    built = {f"i{n}": (thing(n, ("red", "blue")[n % 2], in_stock=n % 9 > 0), n) for n in range(N)}
    folder, unused = tmp_path_factory.mktemp("shop"), 2 * N
    live = LiveIndex(
        open_shop(folder, [i for i, _ in built.values()], VECTORS[:N], POPULARITY.tolist()),
        spare=2,
    )
    ranking, now = Recommender(live, WORDS, policy=POLICY), dict(built)
    for changes in batches:
        for number, what, moved in changes:
            unused += 1
            vector = unused if moved else number  # no two alike: a tie may be cut either way
            if what == "delete":
                now.pop(f"i{number}", None)
                change = live.delete(f"i{number}")
            else:
                new = thing(number, what, in_stock=what != "sold out")
                now[f"i{number}"] = new, vector
                change = live.upsert(new, VECTORS[vector])
            if change is not None:
                ranking.follow(change)
        slates = ranking.recommend(requests())
    popularity = [POPULARITY[int(i[1:])] if i in built else 0.0 for i in now]
    items, vectors = [i for i, _ in now.values()], VECTORS[[at for _, at in now.values()]]
    rebuilt = LiveIndex(open_shop(folder / "rebuilt", items, vectors, popularity))
    fresh = Recommender(rebuilt, WORDS, policy=POLICY)
    for mine, theirs in zip(slates, fresh.recommend(requests()), strict=True):
        scores = [place.score for place in theirs.items]
        assert [place.score for place in mine.items] == pytest.approx(scores, abs=1e-5)
        assert all(now[place.item_id][0].in_stock for place in mine.items)
        assert mine.unknown_items == theirs.unknown_items
        assert mine.interests.keys() == theirs.interests.keys()
        for name, interest in mine.interests.items():
            np.testing.assert_allclose(interest, theirs.interests[name], atol=1e-5)


def test_a_newcomer_never_sees_what_is_deleted_or_sold_out(tmp_path: Path) -> None:
    """More popular items are struck than the list keeps ready: the next ones move up."""
    items = [thing(n, "red") for n in range(N)]
    live = LiveIndex(open_shop(tmp_path, items, VECTORS[:N], POPULARITY.tolist()))
    popular = Popular(live.catalogue, 4)
    assert popular.positions.tolist() == [29, 28, 27, 26]
    for number in range(29, 17, -1):
        sold_out = thing(number, "red", in_stock=False)
        kind = live.delete(f"i{number}") if number % 2 else live.upsert(sold_out, VECTORS[number])
        assert kind is not None
        popular.follow(kind)
    assert popular.positions.tolist() == [17, 16, 15, 14]
    back = live.upsert(thing(28, "blue"), VECTORS[28])
    assert back is not None
    popular.follow(back)
    assert popular.positions.tolist() == [N, 17, 16, 15]


def test_what_is_remembered_of_a_category_ends_with_its_last_item(tmp_path: Path) -> None:
    """No direction is made of what rounding leaves."""
    live = LiveIndex(open_shop(tmp_path, [thing(0, "red")], VECTORS[:1]))
    ranking = Recommender(live, None, policy=POLICY)
    for number in range(1, 4):
        change = live.upsert(thing(number, "new"), VECTORS[number])
        assert change is not None
        ranking.follow(change)
    liking = [request(counts={"c:new": 5.0})]
    assert "long_term" in ranking.recommend(liking)[0].interests
    for number in range(1, 4):
        change = live.delete(f"i{number}")
        assert change is not None
        ranking.follow(change)
    found = ranking.recommend(liking)[0].interests
    assert not found.get("long_term", np.zeros(1)).any()
