"""Policies that change under a running worker: docs/policies.md, "Workers take it over …"."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from scoring import Policy, Recommender
from scoring.errors import RankerError
from scoring.policy import SUM_TERMS
from scoring.policy_file import write_numbers
from scoring.ranker.ranker import Ranker
from scoring.slates.last_layer import LastLayer
from streams.live.armed_ranking import ArmedRanking
from streams.live.live_ranking import LiveRanking
from streams.live.policies import Policies
from streams.live.policy_follower import PolicyFollower
from streams.metrics import StepMetrics
from streams.settings import Settings, load_settings
from streams.worker import _take_policies
from tests.scoring.ranker.test_learned import heads, knowledge
from tests.scoring.shop import item, open_shop, request
from tests.streams.test_step import CLAIM, Rows, a_step, click, lists, run_of

EXPERIMENT = """name = "x"
[[variants]]
name = "as-is"
share = 0.5
[[variants]]
name = "other"
share = 0.5
policy = "other.toml"
"""


def put(file: Path, text: str) -> None:
    """Replaced whole, as `rillstream policy promote` does."""
    (file.parent / "new").write_text(text)
    os.replace(file.parent / "new", file)


@pytest.fixture
def make(tmp_path: Path) -> Callable[[Policies], ArmedRanking]:
    shop = open_shop(
        tmp_path / "i", [item(f"i{n}") for n in range(6)], [[1.0, 0.1 * n] for n in range(6)]
    )

    def made(policy: Policy, ranker: Ranker | None) -> Recommender:
        return Recommender(shop, None, policy=policy, ranker=ranker)

    return lambda policies: ArmedRanking(policies, made)


def edition_of(ranking: ArmedRanking) -> Any:
    live = SimpleNamespace(catalogue=ranking.catalogue, n_delta=0, n_tombstones=0)
    return SimpleNamespace(ranking=ranking, live=live)


class Worker:
    """As much of one as policies concern."""

    def __init__(self, settings: Settings, make: Callable[[Policies], ArmedRanking]) -> None:
        policies, self.metrics = Policies.read(settings), StepMetrics()
        quiet = SimpleNamespace(serves=lambda *_: None, sized=lambda *_: None)
        self.ranking = LiveRanking(edition_of(make(policies)), quiet)  # type: ignore[arg-type]
        self.editions = SimpleNamespace(policies=policies)
        self.between = 0
        self.follower = PolicyFollower(
            policies,
            partial(Policies.read, settings),
            partial(_take_policies, self.ranking, self.editions, self._between_batches),  # type: ignore[arg-type]
            self.metrics,
        )

    def _between_batches(self, do: Callable[[], object]) -> Any:
        self.between += 1
        done = do()
        return SimpleNamespace(result=lambda: done)

    @property
    def refused(self) -> float | None:
        return self.metrics.registry.get_sample_value("rillstream_policies_refused_total")

    def sizes(self) -> set[int]:
        """Of the lists of some users."""
        made = self.ranking.recommend([request(user_id=f"u{n}") for n in range(20)])
        return {len(each.items) for each in made}


def test_a_replaced_file_is_in_force_between_two_batches_and_once(
    tmp_path: Path, make: Callable[[Policies], ArmedRanking], capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "policy.toml"
    put(file, "slate_size = 3\n")
    worker = Worker(load_settings(policy=file), make)
    worker.follower.look()
    put(file, "# other words\nslate_size = 3\n")
    worker.follower.look()
    assert (worker.sizes(), worker.between) == ({3}, 0)
    put(file, "slate_size = 2\n")
    assert worker.sizes() == {3}, "until it is looked at"
    for _ in range(2):
        worker.follower.look()
    assert (worker.sizes(), worker.between) == ({2}, 1)
    assert worker.ranking.policy_version == worker.editions.policies.own.version
    assert worker.editions.policies.own.slate_size == 2
    assert "".join(capfd.readouterr()).count("policies in force") == 1


def test_arms_whose_policy_is_as_it_was_are_not_made_again(
    tmp_path: Path, make: Callable[[Policies], ArmedRanking], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, arms = tmp_path / "other.toml", tmp_path / "experiment.toml"
    put(file, "slate_size = 2\n")
    put(arms, EXPERIMENT)
    worker = Worker(load_settings(experiment=arms, slate_size=3), make)
    obeyed: list[int] = []
    monkeypatch.setattr(Recommender, "obey", lambda self, _: obeyed.append(self.policy.slate_size))
    put(file, "slate_size = 4\n")
    worker.follower.look()
    assert obeyed == [4], "of three arms, as much work as one"


def test_files_that_cannot_be_used_are_said_once_and_the_old_policy_goes_on(
    tmp_path: Path, make: Callable[[Policies], ArmedRanking], capfd: pytest.CaptureFixture[str]
) -> None:
    file, arms = tmp_path / "other.toml", tmp_path / "experiment.toml"
    put(file, "slate_size = 2\n")
    put(arms, EXPERIMENT)
    worker = Worker(load_settings(experiment=arms, slate_size=3), make)
    assert worker.sizes() == {2, 3}
    for number, (place, text, why) in enumerate(
        [
            (file, "slate_sise = 4\n", "did you mean slate_size"),
            (file, 'ranker = "nowhere"\n', "holds no ranker"),
            (file, 'draw = "softly"\n', "softly"),
            (arms, EXPERIMENT + '[[variants]]\nname = "third"\nshare = 0.01\n', "are 1.01"),
            (arms, EXPERIMENT.replace("other", "third", 1), "other arms than this worker began"),
        ],
        start=1,
    ):
        put(place, text)
        for _ in range(2):
            worker.follower.look()
        said = "".join(capfd.readouterr())
        assert said.count("policies refused") == 1, said
        assert why in said
        assert (worker.sizes(), worker.refused) == ({2, 3}, number)
        put(file, "slate_size = 2\n")
        put(arms, EXPERIMENT)
        worker.follower.look()
    put(file, "slate_size = 1\n")
    worker.follower.look()
    assert worker.sizes() == {1, 3}, "an arm's file is followed, too"


def test_no_policy_is_taken_where_that_of_another_arm_cannot_be(
    tmp_path: Path, make: Callable[[Policies], ArmedRanking]
) -> None:
    """Its lists would be of the new policy and say that they are of the old one."""
    (tmp_path / "ranker").mkdir()
    Ranker(heads(in_session=1.0), knowledge()).save(tmp_path / "ranker")
    file, arms = tmp_path / "policy.toml", tmp_path / "experiment.toml"
    put(file, "slate_size = 3\n")
    put(tmp_path / "other.toml", 'ranker = "ranker"\n')
    put(arms, EXPERIMENT)
    worker = Worker(load_settings(policy=file, experiment=arms), make)
    own = worker.ranking.policy_version
    of_the_sum = LastLayer.around(np.ones(len(SUM_TERMS)), 0.1).beliefs
    write_numbers(file, {"slate_size": 2, "beliefs": of_the_sum}, "the ranker has others")
    worker.follower.look()
    assert (worker.sizes(), worker.refused) == ({3}, 1)
    assert worker.ranking.edition.ranking.own.policy_version == own


def test_a_promoted_policy_comes_with_its_heads_and_the_others_keep_theirs(
    tmp_path: Path, make: Callable[[Policies], ArmedRanking]
) -> None:
    for name, weight in (("worker", 1.0), ("promoted", 2.0)):
        (tmp_path / name).mkdir()
        Ranker(heads(in_session=weight), knowledge()).save(tmp_path / name)
    file, arms = tmp_path / "other.toml", tmp_path / "experiment.toml"
    put(file, "")
    put(arms, EXPERIMENT)
    worker = Worker(load_settings(experiment=arms, ranker=tmp_path / "worker"), make)
    own, newer = heads(in_session=1.0).version, heads(in_session=3.0)
    worker.ranking.take_heads(newer, own, "")

    def versions() -> dict[str, str | None]:
        made = worker.ranking.recommend([request(user_id=f"u{n}") for n in range(20)])
        unders = [each.made_under for each in made if each.made_under is not None]
        return {each.variant: each.heads_version for each in unders}

    put(file, 'ranker = "promoted"\n')
    worker.follower.look()
    promoted = heads(in_session=2.0).version
    assert versions() == {"as-is": newer.version, "other": promoted}
    put(file, "")
    worker.follower.look()
    assert versions() == {"as-is": newer.version, "other": newer.version}, "newer than the folder's"
    (tmp_path / "promoted" / "heads.safetensors").write_bytes(b"half")
    put(file, 'ranker = "promoted"\n')
    worker.follower.look()
    assert versions() == {"as-is": newer.version, "other": newer.version}
    with pytest.raises(RankerError, match="holds no ranker"):
        Policies.read(load_settings(experiment=arms))


def test_an_edition_that_was_opened_under_the_old_policy_is_served_under_the_new(
    tmp_path: Path, make: Callable[[Policies], ArmedRanking]
) -> None:
    file = tmp_path / "policy.toml"
    put(file, "slate_size = 3\n")
    worker = Worker(load_settings(policy=file), make)
    late = edition_of(make(worker.editions.policies))
    put(file, "slate_size = 2\n")
    worker.follower.look()
    worker.ranking.swap(late)
    assert worker.sizes() == {2}
    assert worker.ranking.policy_version == late.ranking.policies.own.version


def test_a_batch_that_comes_again_has_the_lists_of_the_policy_by_then_under_the_same_ids(
    tmp_path: Path, make: Callable[[Policies], ArmedRanking]
) -> None:
    file = tmp_path / "policy.toml"
    put(file, "slate_size = 3\n")
    settings = load_settings(policy=file)
    run = run_of(click("a", item="i1"), click("b", item="i2"))
    before = lists(a_step(Rows(), Worker(settings, make).ranking)([run], CLAIM))
    put(file, "slate_size = 2\n")  # the worker died before it committed; another life reads this
    after = lists(a_step(Rows(), Worker(settings, make).ranking)([run], CLAIM))
    assert [each.recommendation_id for each in after] == [each.recommendation_id for each in before]
    assert [len(each.items) for each in (*before, *after)] == [3, 3, 2, 2]
    assert {each.policy_version for each in after}.isdisjoint(
        {each.policy_version for each in before}
    )
