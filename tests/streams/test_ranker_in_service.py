"""A learned ranker in a worker: versions and columns in records, heads that outlive a swap."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from scoring import Policy, Recommender
from scoring.errors import RankerError
from scoring.ranker.features import FEATURES
from scoring.ranker.heads import Heads, features_version
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.ranker import Ranker
from streams.cli import doctor
from streams.decision_record import decode_decision
from streams.learning.shown_list import decode_shown
from streams.live.armed_ranking import ArmedRanking
from streams.live.index_metrics import IndexMetrics
from streams.live.live_ranking import LiveRanking
from streams.settings import load_settings
from tests.scoring.ranker.test_learned import heads, knowledge
from tests.scoring.shop import item, open_shop
from tests.streams.test_armed_ranking import an_experiment
from tests.streams.test_step import CLAIM, Rows, a_step, click, lists, run_of

IDS = ["mug", "pot", "saw", "nail"]


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    return open_shop(tmp_path / "i", [item(each) for each in IDS], np.eye(4, 8, dtype=np.float32))


def made(shop: Any, policy: Policy | None = None) -> Recommender:
    ranker = Ranker(heads(in_session=1.0, cosine_short_term=2.0), knowledge())
    own = policy or Policy(slate_size=3, just_seen_window_ms=0)
    return Recommender(shop, None, policy=own, ranker=ranker, keeps_evidence=True)


def edition_of(ranking: Any) -> Any:
    live = SimpleNamespace(catalogue=ranking.catalogue, n_delta=0, n_tombstones=0)
    return SimpleNamespace(ranking=ranking, live=live)


def test_records_say_which_heads_scored_and_what_they_read(shop: Any) -> None:
    ranking = made(shop)
    step = a_step(Rows(), ranking, decisions="decisions")
    events = [click("a", item="saw"), click("b", item="mug")]
    outbox = step([run_of(*events)], CLAIM)
    _, second = lists(outbox)
    assert second.heads_version == ranking.heads_version
    assert all(0 < each.tasks.cvr < 1 for each in second.items)
    raw = outbox.messages["decisions"][1]["value"]
    record = decode_decision(raw)
    assert record.heads_version == ranking.heads_version
    assert record.features_version == features_version(FEATURES)
    again = heads(in_session=1.0, cosine_short_term=2.0).score(
        np.array(record.shown_features, np.float32)
    )
    assert again[:, 0] == pytest.approx([each.tasks.cvr for each in second.items], abs=1e-4)
    np.testing.assert_array_equal(
        decode_shown(raw).features, np.array(record.shown_features, np.float32)
    )


def test_newer_heads_outlive_a_swap_of_the_index(shop: Any) -> None:
    ranking = LiveRanking(edition_of(made(shop)), IndexMetrics(CollectorRegistry()))
    newer = heads(times=-1.0)
    ranking.take_heads(newer)
    assert ranking.heads_version == newer.version
    ranking.swap(edition_of(made(shop)))
    assert ranking.heads_version == newer.version
    with pytest.raises(RankerError):
        ranking.take_heads(Heads.of(("a",), ("cvr",), HeadsNetwork(1, 1)))
    ranking.swap(edition_of(made(shop)))
    assert ranking.heads_version == newer.version


def test_every_arm_of_an_experiment_takes_newer_heads(shop: Any) -> None:
    own = Policy(slate_size=3)
    arms: list[Recommender] = []

    def make(policy: Policy) -> Recommender:
        arms.append(made(shop, policy))
        return arms[-1]

    ranking = ArmedRanking(an_experiment(), own, make)
    newer = heads(times=-1.0)
    ranking.take_heads(newer)
    assert len(arms) == 3
    assert {each.heads_version for each in arms} == {newer.version, ranking.heads_version}


def test_the_doctor_looks_at_the_ranker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good").mkdir()
    Ranker(heads(times=1.0), knowledge()).save(tmp_path / "good")
    found, note = doctor._ranker(load_settings(ranker=tmp_path / "good"))
    assert (found.status, note.status) == ("ok", "note")
    assert heads(times=1.0).version in found.detail
    (bad,) = doctor._guard("ranker", lambda: doctor._ranker(load_settings(ranker=tmp_path)))
    assert bad.status == "bad"
    assert "train one with rillstream train" in bad.detail
