"""Beliefs as numbers of a policy: their file, their version, and the lists that they draw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from scoring import Policy, Recommender
from scoring.errors import PolicyError, PolicyFileError
from scoring.policy_file import read_numbers, write_numbers
from scoring.slates.beliefs import Beliefs
from scoring.slates.evidence import replay
from scoring.slates.last_layer import LastLayer
from tests.scoring.shop import item, open_shop, request

LEARNED = LastLayer.around(np.array([1.0, 0.7, 1 / 3, 2.0, 1e-7, 1.0]), 0.01).beliefs
POLICY = Policy(slate_size=3, candidates=3, draw="thompson")


def test_a_policy_file_holds_them_to_the_bit(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    write_numbers(file, {"draw": "thompson", "beliefs": LEARNED}, "about")
    assert read_numbers(file) == {"draw": "thompson", "beliefs": LEARNED}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("{ mean = [1.0] }", "precision"),
        ("{ mean = [1.0], precision = [[1.0]], more = 1 }", "more"),
        ("{ mean = ['a'], precision = [[1.0]] }", "Expected `float`"),
    ],
)
def test_a_file_with_other_things_is_refused(tmp_path: Path, said: str, why: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(f"beliefs = {said}")
    with pytest.raises(PolicyFileError, match=why):
        read_numbers(file)


@pytest.mark.parametrize(
    ("mean", "precision", "why"),
    [
        ((), (), "rows"),
        ((1.0, 1.0), ((1.0, 0.0),), "2 rows of 2"),
        ((1.0, 1.0), ((1.0, 0.0), (0.0,)), "2 rows of 2"),
        ((float("nan"),), ((1.0,),), "finite"),
        ((1.0,), ((float("inf"),),), "finite"),
        ((1e39,), ((1.0,),), "means up to 1e[+]09"),
        ((1.0,), ((1e300,),), "precisions up to 1e[+]18"),
        ((1.0,), ((0.0,),), "positive definite"),
        ((1.0,), ((1e-30,),), "positive definite"),
        ((1.0, 1.0), ((1.0, 2.0), (2.0, 1.0)), "positive definite"),
        ((1.0, 1.0), ((1.0, 0.5), (0.0, 1.0)), "symmetric"),
    ],
)
def test_what_is_no_gaussian_makes_no_policy(
    mean: tuple[float, ...], precision: tuple[tuple[float, ...], ...], why: str
) -> None:
    with pytest.raises(PolicyError, match=why):
        replace(POLICY, beliefs=Beliefs(mean, precision))


def test_other_beliefs_are_another_policy() -> None:
    other = Beliefs((*LEARNED.mean[:-1], 0.5), LEARNED.precision)
    same = Beliefs(*msgspec.structs.astuple(LEARNED))
    versions = {replace(POLICY, beliefs=each).version for each in (None, LEARNED, same, other)}
    assert len(versions) == 3


def test_lists_are_drawn_by_them_and_again_from_their_evidence(tmp_path: Path) -> None:
    """Sure of what the prior is not: that the unpopular is wanted."""
    items = [item(f"i{n}") for n in range(6)]
    shop = open_shop(tmp_path, items, np.eye(6, dtype=np.float32), [2.0**n for n in range(6)])
    unpopular = LastLayer.around(np.array([1.0, 1.0, 1.0, -1.0, 1.0, 1.0]), 1e-3).beliefs
    policy = replace(POLICY, candidates=6, beliefs=unpopular)
    ranking = Recommender(shop, None, policy=policy, keeps_evidence=True)
    pool = ranking.recommend([request()])[0]
    assert pool.evidence is not None
    lowest_first = sorted(pool.evidence.item_ids, key=lambda each: int(each[1:]))
    assert [each.item_id for each in pool.items] == lowest_first[:3]
    assert pool.evidence.drawing.beliefs == unpopular
    again = replay(pool.evidence)
    assert again.item_ids == tuple(each.item_id for each in pool.items)
    assert again.propensities == tuple(each.propensity for each in pool.items)


def test_beliefs_of_other_terms_are_refused_and_the_old_policy_goes_on(tmp_path: Path) -> None:
    shop = open_shop(tmp_path, [item("a")], np.eye(1, dtype=np.float32), [1.0])
    ranking = Recommender(shop, None, policy=POLICY)
    of_a_ranker = LastLayer.around(np.ones(5), 0.1).beliefs
    with pytest.raises(PolicyError, match=r"are of 5 terms, lists are ordered by 6 \(short"):
        ranking.take_policy(replace(POLICY, beliefs=of_a_ranker), None)
    assert ranking.policy == POLICY
    ranking.take_policy(replace(POLICY, beliefs=LEARNED), None)
    assert ranking.policy.beliefs == LEARNED
