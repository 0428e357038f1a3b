"""Lists of real recommenders: what one is estimated to earn by another's log, it earns."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from index import Snapshot
from scoring import Policy, Recommender, Request, Rules, Slate
from scoring.offpolicy.evaluation import evaluate_records
from scoring.offpolicy.logged_lists import LoggedLists
from scoring.offpolicy.report import Report
from scoring.offpolicy.target import Target
from scoring.rules.rule_file import Pin
from tests.scoring.shop import did, item, open_shop, request

N = 900
LOGGED = Policy(slate_size=4, candidates=12, draw="softmax", temperature=0.6, category_cap=2)
RULES = Rules(pins=[Pin(item="i5", position=3)])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    rng = np.random.default_rng(2)
    items = [item(f"i{n}", category="abcd"[n % 4]) for n in range(14)]
    vectors = rng.normal(size=(14, 12)).astype(np.float32) + 0.3
    return open_shop(tmp_path_factory.mktemp("index"), items, vectors, rng.pareto(1, 14).tolist())


def recommended(shop: Snapshot, policy: Policy, mark: str = "") -> list[Slate]:
    """Lists of three users, each with ids of their own."""
    asked: list[Request] = []
    for number in range(N):
        seen = request(did("view", f"i{number % 3}"), did("purchase", "i8"))
        asked.append(replace(seen, recommendation_id=f"list {number}{mark}"))
    made = Recommender(shop, None, policy=policy, keeps_evidence=True)
    made.obey(RULES)
    return made.recommend(asked)


def earned(slates: list[Slate]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(n, 4): what an item is worth, less of it the lower it stands; no chance in it."""
    return np.array(
        [[int(each.item_id[1:]) / each.rank for each in slate.items] for slate in slates]
    )


def evaluated(slates: list[Slate], target: Target) -> Report:
    lists = LoggedLists(
        ids=np.array([f"list {number}" for number in range(N)], object),
        users=np.array([f"user {number}" for number in range(N)], object),
        items=np.array([[each.item_id for each in slate.items] for slate in slates], object),
        there=np.ones((N, 4), np.bool_),
        propensities=np.array([[each.propensity for each in slate.items] for slate in slates]),
        rewards=earned(slates),
    )
    records = [slate.evidence for slate in slates if slate.evidence is not None]
    report = evaluate_records(lists, records, target, Counter())
    assert not report.excluded
    return report


def test_a_target_and_its_shadow_are_estimated_as_what_they_earn(shop: Snapshot) -> None:
    """Under a cap and a pin; the shadow also weighs popularity more."""
    logged = recommended(shop, LOGGED)
    sharper = replace(LOGGED, temperature=0.3)
    other = replace(sharper, weight_popularity=1.0)
    shadows = {
        each.evidence.recommendation_id.removesuffix("~it"): each.evidence
        for each in recommended(shop, other, "~it")
        if each.evidence is not None
    }
    for policy, target in (
        (sharper, Target({"temperature": 0.3})),
        (other, Target(shadows=shadows)),
    ):
        own = earned(recommended(shop, policy, " again")).sum(axis=1)
        report = evaluated(logged, target)
        assert report.unsupported == 0
        for name in ("snips", "sn-rips", "cascade-dr"):
            row = report.row(name)
            apart = np.hypot(row.error, own.std() / np.sqrt(N))
            assert abs(row.value - own.mean()) < 3 * apart, name
        assert abs(report.logged - own.mean()) > 3 * apart, "or nothing was asked"
