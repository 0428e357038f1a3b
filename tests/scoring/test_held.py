"""A list held to a filter: only what meets it, as many as there are, nobody else's list changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from index import Corpus, Filter, LiveIndex, Snapshot
from scoring import Policy, PolicyError, Recommender, Request, Slate
from tests.scoring.shop import Vectors, Words, did, item, open_shop, request

N = 60
RNG = np.random.default_rng(4)
VECTORS = RNG.standard_normal((N, 8)).astype(np.float32)
ITEMS = [
    item(f"i{n}", category=f"c{n % 3}", brand=f"b{n % 5}", price=float(n), in_stock=n % 7 != 0)
    for n in range(N)
]
NEW = VECTORS[1] + VECTORS[2]
WORDS = Words({"mug": VECTORS[10].tolist(), "new": NEW.tolist()})
NUMBERS = Policy(just_seen_window_ms=0.0, slate_size=10, candidates=12)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return open_shop(tmp_path_factory.mktemp("index"), ITEMS, VECTORS, range(N))


class Ranking:
    """A recommender over a version as it was built, a live one, or one with changes since."""

    def __init__(self, snapshot: Snapshot, kind: str, policy: Policy = NUMBERS) -> None:
        live = LiveIndex(snapshot)
        self.corpus: Corpus = snapshot if kind == "as built" else live
        self._recommender = Recommender(self.corpus, WORDS, policy=policy)
        if kind == "changed":
            new, other = NEW / np.linalg.norm(NEW), snapshot.vectors[10]
            for change in (
                live.delete("i31"),
                live.upsert(item("i10", category="c2", price=4.0), other),
                live.upsert(item("new", category="c1", price=5.0), new),
            ):
                assert change is not None
                self._recommender.follow(change)

    def lists(self, *asked: Request) -> list[Slate]:
        return self._recommender.recommend(asked)

    def matching(self, held_to: Filter) -> set[str]:
        """By the items' own words, not by a mask."""
        catalogue = self.corpus.catalogue
        found = set()
        for item_id in dict.fromkeys(catalogue.ids):
            at = catalogue.position(item_id)
            if at < 0 or not catalogue.in_stock[at]:
                continue
            price = float(catalogue.prices[at])
            if (
                (not held_to.categories or catalogue.categories[at] in held_to.categories)
                and (not held_to.brands or catalogue.brands[at] in held_to.brands)
                and (held_to.price_min is None or price >= held_to.price_min)
                and (held_to.price_max is None or price <= held_to.price_max)
            ):
                found.add(item_id)
        return found


@pytest.fixture(params=["as built", "live", "changed"])
def ranking(snapshot: Snapshot, request: pytest.FixtureRequest) -> Ranking:
    return Ranking(snapshot, request.param)


def ids_of(slate: Slate) -> list[str]:
    return [found.item_id for found in slate.items]


ASKED = request(did("click", "i3"), did("purchase", "i20"), query="mug")


@pytest.mark.parametrize(
    "held_to",
    [
        Filter(categories=frozenset({"c1"})),
        Filter(categories=frozenset({"c1", "c2"}), brands=frozenset({"b0", "b4"})),
        Filter(price_min=3.0, price_max=5.0),
        Filter(price_min=40.0),
        Filter(brands=frozenset({"b2"}), in_stock_only=True),
    ],
    ids=["category", "categories and brands", "prices", "least price", "brand in stock"],
)
def test_a_list_has_what_meets_the_filter_and_as_many_as_there_are(
    ranking: Ranking, held_to: Filter
) -> None:
    expected = ranking.matching(held_to)
    for asked in (replace(ASKED, filter=held_to), replace(request(), filter=held_to)):
        (slate,) = ranking.lists(asked)
        assert set(ids_of(slate)) <= expected
        assert len(slate.items) == min(NUMBERS.slate_size, len(expected))


FEW = Policy(slate_size=3, candidates=3, search_hit=-1.0, weight_popularity=0.01)


def nearest(ranking: Ranking, query: Vectors, held_to: Filter) -> list[str]:
    """The three items nearest to a query that meet a filter, by comparing them all."""
    ids = sorted(ranking.matching(held_to))
    cosines = ranking.corpus.gather(ranking.corpus.catalogue.positions(ids)) @ query
    return [ids[at] for at in (-cosines).argsort()[:3]]


def test_the_best_matches_are_found_though_others_are_nearer(snapshot: Snapshot) -> None:
    ranking = Ranking(snapshot, "changed", FEW)
    catalogue = ranking.corpus.catalogue
    found = ranking.corpus.search(VECTORS[10][None], FEW.candidates).positions[0].tolist()
    brands = {f"b{n}" for n in range(5)} - {catalogue.brands[at] for at in found}
    held_to = Filter(brands=frozenset(map(str, brands)))
    (slate,) = ranking.lists(replace(request(query="mug"), filter=held_to))
    assert ids_of(slate) == nearest(ranking, VECTORS[10], held_to)


def test_a_new_item_is_in_the_lists_that_it_may_be_in(snapshot: Snapshot) -> None:
    ranking = Ranking(snapshot, "changed", FEW)
    without, of_it = Filter(categories=frozenset({"c2"})), Filter(categories=frozenset({"c1"}))
    asked = request(query="new")
    free, held, its = ranking.lists(
        asked, replace(asked, filter=without), replace(asked, filter=of_it)
    )
    assert free.items[0].item_id == its.items[0].item_id == "new"
    assert ids_of(held) == nearest(ranking, NEW, without)
    assert ids_of(its) == nearest(ranking, NEW, of_it)


def test_others_in_the_batch_get_the_lists_that_they_would_get_alone(ranking: Ranking) -> None:
    others = [ASKED, request(did("view", "i7")), request()]
    held = replace(ASKED, filter=Filter(categories=frozenset({"c2"})))
    same = replace(held, user_id="v")
    cheap = replace(ASKED, filter=Filter(price_max=9.0))
    together = ranking.lists(others[0], held, others[1], same, cheap, others[2])
    alone = [ranking.lists(each)[0] for each in (others[0], held, others[1], same, cheap)]
    assert list(map(ids_of, together[:5])) == list(map(ids_of, alone))
    assert ids_of(together[1]) == ids_of(together[3])


def test_a_filter_that_nothing_meets_gives_an_empty_list(ranking: Ranking) -> None:
    nothing = Filter(categories=frozenset({"no such"}))
    slates = ranking.lists(replace(ASKED, filter=nothing), ASKED)
    assert ids_of(slates[0]) == []
    assert len(slates[1].items) == NUMBERS.slate_size


def test_a_quota_bounds_what_one_interest_brings(snapshot: Snapshot) -> None:
    def ids(policy: Policy, asked: Request) -> set[str]:
        return set(ids_of(Recommender(snapshot, WORDS, policy=policy).recommend([asked])[0]))

    asked, popular = request(query="mug"), ids(NUMBERS, request())
    assert ids(replace(NUMBERS, quotas={"search": 0}), asked) == popular
    assert 0 < len(ids(replace(NUMBERS, quotas={"search": 2}), asked) - popular) <= 2
    assert len(ids(NUMBERS, asked) - popular) > 2
    assert replace(NUMBERS, quotas={"search": 2}).version != NUMBERS.version


def test_a_quota_of_an_unknown_interest_is_refused() -> None:
    with pytest.raises(PolicyError, match="quotas has \\['serch'\\]"):
        Policy(quotas={"serch": 3})
