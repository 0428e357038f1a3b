"""An experiment in service: lists by variant, shadows as decisions and never as lists."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from scoring import Policy, Recommender, Request, Slate
from scoring.errors import ExperimentError
from scoring.experiments.experiment import Arm, Experiment
from streams.decision_record import decode_decision
from streams.errors import SettingsError
from streams.experiment_file import experiment_of
from streams.live.armed_ranking import ArmedRanking
from streams.live.policies import Policies
from streams.outputs import decode_recommendation
from streams.settings import load_settings
from tests.scoring.shop import DAY_MS, did, item, open_shop, request
from tests.streams.test_step import CLAIM, Rows, a_step, click, run_of

OWN = Policy(slate_size=3, weight_popularity=0.1)
POPULAR = {"weight_popularity": 50.0}
USERS = [f"u{number}" for number in range(12)]


def an_experiment(*shadows: Arm) -> Experiment:
    variants = (Arm("as-is", 0.4, {}, ""), Arm("popular", 0.4, POPULAR, ""))
    return Experiment("fame", "salt", variants, shadows)


@pytest.fixture
def shop(tmp_path: Path) -> object:
    items = [item(f"i{number}") for number in range(8)]
    vectors = [[1.0, 0.1 * number] for number in range(8)]
    return open_shop(tmp_path, items, vectors, popularity=range(8))


def make(shop: object, policy: Policy) -> Recommender:
    return Recommender(shop, None, policy=policy, keeps_evidence=True)  # type: ignore[arg-type]


def armed(shop: object, experiment: Experiment) -> ArmedRanking:
    return ArmedRanking(Policies(OWN, experiment), lambda policy, _: make(shop, policy))


def asked(user: str) -> Request:
    return replace(
        request(did("purchase", f"i{int(user[1:]) % 5}", DAY_MS), user_id=user),
        recommendation_id=f"r-{user}",
    )


def ids(slate: Slate) -> list[str]:
    return [each.item_id for each in slate.items]


def test_each_user_has_the_list_of_their_variant_and_it_says_so(shop: object) -> None:
    experiment = an_experiment()
    ranking = armed(shop, experiment)
    plain = {None: make(shop, OWN), "as-is": make(shop, OWN)}
    plain["popular"] = make(shop, replace(OWN, **POPULAR))  # type: ignore[arg-type]
    requests = [asked(user) for user in USERS]
    seen = set()
    for each, slate in zip(requests, ranking.recommend(requests), strict=True):
        arm = experiment.variant_of(each.user_id)
        name = None if arm is None else arm.name
        (expected,) = plain[name].recommend([each])
        assert slate.items == expected.items
        assert (slate.made_under and slate.made_under.variant) == name
        if slate.made_under is not None:
            assert slate.made_under.experiment == "fame"
            assert slate.made_under.policy_version == plain[name].policy_version
        seen.add(name)
    assert seen == {None, "as-is", "popular"}
    assert ids(plain["popular"].recommend(requests)[0]) != ids(plain[None].recommend(requests)[0])


def test_a_shadow_changes_no_list_and_stands_on_the_decisions_topic_only(shop: object) -> None:
    shadow = Arm("all-fame", 1.0, POPULAR | {"draw": "softmax"}, "")
    ranking = armed(shop, an_experiment(shadow))
    without = armed(shop, an_experiment())
    outboxes = [
        a_step(Rows(), each, decisions="decisions")(
            [run_of(*map(click, "abcdefghijkl", USERS))], CLAIM
        )
        for each in (ranking, without)
    ]
    lists, plain = (
        [
            msgspec.structs.replace(decode_recommendation(sent["value"]), at_ms=0)
            for sent in outbox.messages["lists"]
        ]
        for outbox in outboxes
    )
    assert [each.items for each in lists] == [each.items for each in plain]
    assert {each.variant for each in lists} <= {None, "as-is", "popular"}
    decisions = [decode_decision(sent["value"]) for sent in outboxes[0].messages["decisions"]]
    shadows = [each for each in decisions if each.shadow]
    assert len(shadows) == len(lists) == len(decisions) / 2
    assert {each.variant for each in shadows} == {"all-fame"}
    published = {each.recommendation_id for each in lists}
    assert not published & {each.recommendation_id for each in shadows}
    assert {each.recommendation_id.removesuffix("~all-fame") for each in shadows} == published
    of_variant = {each.variant: each.policy_version for each in lists}
    assert of_variant["popular"] not in {of_variant["as-is"], ranking.policy_version}
    by_id = {each.recommendation_id: each for each in lists}
    for each in decisions:
        if not each.shadow:
            said = by_id[each.recommendation_id]
            assert (each.variant, each.experiment) == (said.variant, said.experiment)
            assert each.policy_version == said.policy_version


def test_a_shadow_that_fails_does_not_take_the_lists_with_it(
    shop: object, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Recommender):
        def recommend(self, requests: Sequence[Request]) -> list[Slate]:
            raise ValueError("no list")

    def made(policy: Policy, ranker: object) -> Recommender:
        kind = Failing if policy.weight_repeat == 9 else Recommender
        return kind(shop, None, policy=policy)  # type: ignore[arg-type]

    shadow = Arm("bad", 1.0, {"weight_repeat": 9.0}, "")
    ranking = ArmedRanking(Policies(OWN, an_experiment(shadow)), made)
    slates = ranking.recommend([asked(user) for user in USERS])
    assert all(len(slate.items) == 3 and slate.shadows == () for slate in slates)


def test_shadows_that_nobody_would_see_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "experiment.toml"
    file.write_text('name = "x"\n[[shadows]]\nname = "s"\npolicy = { candidates = 2000 }\n')
    with pytest.raises(ExperimentError, match="PUBLISH_DECISIONS"):
        experiment_of(load_settings(experiment=file), OWN)
    with pytest.raises(SettingsError, match="candidates = 2000 is above"):
        experiment_of(load_settings(experiment=file, publish_decisions=True), OWN)
    file.write_text(
        'name = "x"\n' + "".join(f'[[variants]]\nname = "{n}"\nshare = 0.5\n' for n in "ab")
    )
    assert experiment_of(load_settings(experiment=file), OWN) is not None
