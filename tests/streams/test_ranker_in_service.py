"""A learned ranker in a worker: versions and columns in records, heads that outlive a swap."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from scoring import Policy, Recommender
from scoring.errors import PolicyError, RankerError
from scoring.policy_file import checked_numbers, read_numbers, with_numbers, write_numbers
from scoring.ranker.features import FEATURES
from scoring.ranker.heads import Heads, features_version
from scoring.ranker.named import NamedRanker
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.ranker import Ranker
from streams.cli.doctor_files import files_of
from streams.cli.finding import Finding
from streams.decision_record import decode_decision
from streams.learning.shown_list import decode_shown
from streams.live.armed_ranking import ArmedRanking
from streams.live.index_metrics import IndexMetrics
from streams.live.live_ranking import LiveRanking
from streams.live.policies import Policies
from streams.policy_file import policy_of
from streams.settings import Settings, load_settings
from tests.scoring.ranker.test_learned import heads, knowledge
from tests.scoring.shop import item, open_shop, request
from tests.streams.test_step import CLAIM, Rows, a_step, click, lists, run_of

IDS = ["mug", "pot", "saw", "nail"]


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    return open_shop(tmp_path / "i", [item(each) for each in IDS], np.eye(4, 8, dtype=np.float32))


OWN = Policy(slate_size=3, just_seen_window_ms=0)


def made(shop: Any, policy: Policy = OWN, ranker: Ranker | None = None) -> Recommender:
    served = ranker or Ranker(heads(in_session=1.0, cosine_short_term=2.0), knowledge())
    return Recommender(shop, None, policy=policy, ranker=served, keeps_evidence=True)


def armed(shop: Any, policies: Policies | None = None) -> ArmedRanking:
    return ArmedRanking(policies or Policies(OWN), lambda *given: made(shop, *given))


def edition_of(ranking: ArmedRanking) -> Any:
    live = SimpleNamespace(catalogue=ranking.catalogue, n_delta=0, n_tombstones=0)
    return SimpleNamespace(ranking=ranking, live=live)


def live(ranking: ArmedRanking) -> LiveRanking:
    return LiveRanking(edition_of(ranking), IndexMetrics(CollectorRegistry()))


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
    ranking = live(armed(shop))
    newer, base = heads(times=-1.0), ranking.heads_version
    assert base is not None
    ranking.take_heads(newer, base, "")
    assert ranking.heads_version == newer.version
    ranking.swap(edition_of(armed(shop)))
    assert ranking.heads_version == newer.version
    with pytest.raises(RankerError):
        ranking.take_heads(Heads.of(("a",), ("cvr",), HeadsNetwork(1, 1)), base, "")
    ranking.swap(edition_of(armed(shop)))
    assert ranking.heads_version == newer.version


def test_heads_learned_under_one_encoder_do_not_score_under_another(shop: Any) -> None:
    """A worker that starts with the pair refuses them, so one that swaps it in has none either."""
    ranking = live(armed(shop))
    newer, base = heads(times=-1.0), ranking.heads_version
    assert base is not None
    ranking.take_heads(newer, base, "")
    other = armed(shop)
    other.encoder_version = "other"
    ranking.swap(edition_of(other))
    assert ranking.heads_version == base
    with pytest.raises(RankerError, match="now made with other"):  # read just before the swap
        ranking.take_heads(heads(times=-2.0), base, armed(shop).encoder_version)
    assert ranking.heads_version == base
    ranking.swap(edition_of(armed(shop)))
    assert ranking.heads_version == newer.version, "back to the encoder that they belong to"


def saved(folder: Path, made_of: Heads) -> Path:
    folder.mkdir()
    Ranker(made_of, knowledge()).save(folder)
    return folder


@pytest.fixture
def experiment(tmp_path: Path) -> Settings:
    """A ranker of the worker, and two variants, of which the second has heads of its own."""
    saved(tmp_path / "ranker", heads(in_session=1.0))
    saved(tmp_path / "learned", heads("value", times=-1.0))
    (tmp_path / "learned" / "policy.toml").write_text('ranker = "."\ndraw = "softmax"\n')
    file = tmp_path / "experiment.toml"
    file.write_text(
        'name = "x"\n[[variants]]\nname = "best"\nshare = 0.5\n'
        '[[variants]]\nname = "learned"\nshare = 0.5\npolicy = "learned/policy.toml"\n'
    )
    return load_settings(experiment=file, ranker=tmp_path / "ranker", slate_size=3)


def heads_of_arms(ranking: LiveRanking) -> dict[str, set[str | None]]:
    found: dict[str, set[str | None]] = {}
    for slate in ranking.recommend([request(user_id=f"u{n}") for n in range(20)]):
        assert slate.made_under is not None
        found.setdefault(slate.made_under.variant, set()).add(slate.made_under.heads_version)
    return found


def test_an_arm_is_served_by_the_heads_that_its_policy_names(
    shop: Any, experiment: Settings, tmp_path: Path
) -> None:
    policies = Policies.read(experiment)
    own, (_, learned) = policies.own, [*policies.of_arms().values()]
    assert learned.ranker is not None
    rankers = policies.ranker_of(own), policies.ranker_of(learned)
    assert rankers[0] is policies.ranker
    assert rankers[0] is not None
    assert rankers[1] is not None
    assert rankers[0].knowledge is rankers[1].knowledge, "equal knowledge is held once"
    assert heads_of_arms(live(armed(shop, policies))) == {
        "best": {heads(in_session=1.0).version},
        "learned": {heads("value", times=-1.0).version},
    }
    assert Policies.read(experiment, policies) is policies
    moved = saved(tmp_path / "moved", heads("value", times=-1.0))
    other = saved(tmp_path / "other", heads("value", times=-2.0))
    versions = [
        with_numbers(own, checked_numbers({"ranker": str(folder)}, ""), "").version
        for folder in (moved, other, learned.ranker.folder)
    ]
    assert versions[0] == versions[2] != versions[1]
    assert own.version not in versions


def test_newer_heads_go_to_the_arms_whose_ranker_they_were_learned_from(
    shop: Any, experiment: Settings
) -> None:
    ranking = live(armed(shop, Policies.read(experiment)))
    newer, theirs = heads(times=1.0), heads("value", times=-1.0).version
    ranking.take_heads(newer, heads(in_session=1.0).version, "")
    assert heads_of_arms(ranking) == {"best": {newer.version}, "learned": {theirs}}
    ranking.swap(edition_of(armed(shop, Policies.read(experiment))))
    assert heads_of_arms(ranking) == {"best": {newer.version}, "learned": {theirs}}


def test_a_folder_that_holds_no_ranker_is_said_with_its_policy(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('ranker = "nowhere"\n')
    with pytest.raises(PolicyError, match=r"policy\.toml: ranker: .*nowhere holds no ranker"):
        policy_of(load_settings(policy=file))
    file.write_text("ranker = 3\n")
    with pytest.raises(PolicyError, match="Expected `str`"):
        policy_of(load_settings(policy=file))


def test_a_ranker_stays_the_same_wherever_its_policy_is_written(tmp_path: Path) -> None:
    folder = saved(tmp_path / "models", heads(times=1.0))
    numbers = {"temperature": 0.2, "ranker": NamedRanker.in_folder(folder)}
    (tmp_path / "far").mkdir()
    for place in (folder, tmp_path, tmp_path / "far"):
        write_numbers(place / "policy.toml", numbers, "")
        assert read_numbers(place / "policy.toml") == numbers
    assert 'ranker = "."' in (folder / "policy.toml").read_text()
    assert 'ranker = "models"' in (tmp_path / "policy.toml").read_text()
    assert f'ranker = "{folder.resolve()}"' in (tmp_path / "far" / "policy.toml").read_text()


def _of_the_ranker(folder: Path) -> list[Finding]:
    looked = files_of(load_settings(ranker=folder), debug=False)
    return [each for each in looked if each.subject == "ranker"]


def test_the_doctor_looks_at_the_ranker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good").mkdir()
    Ranker(heads(times=1.0), knowledge()).save(tmp_path / "good")
    found, note = _of_the_ranker(tmp_path / "good")
    assert (found.status, note.status) == ("ok", "note")
    assert heads(times=1.0).version in found.detail
    (bad,) = _of_the_ranker(tmp_path)
    assert bad.status == "bad"
    assert "train one with rillstream train" in bad.detail
