"""An experiment in service: each user ranked under their variant, shadows scored beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import structlog

from index import Catalogue, Change
from scoring import Policy, Recommender, Request, Rules, Slate
from scoring.errors import ExperimentError
from scoring.experiments.experiment import Experiment
from scoring.ranking import require_terms
from scoring.slate import MadeUnder
from streams.live.policies import Policies

if TYPE_CHECKING:
    from scoring.ranker.heads import Heads
    from scoring.ranker.ranker import Ranker

log = structlog.get_logger(__name__)


class ArmedRanking:
    """One recommender an arm, all over the same snapshot; what it offers is a recommender's.

    A list is a function of its request as before: the arm is one of the user's id. A shadow that
    fails is logged, and the list goes out without it.

    Attributes:
        policies: In force; without an experiment `own` ranks for everybody.
        own: Ranks for who is in no variant.
        encoder_version: Of every arm.
        index_version: Of every arm.
        policy_version: Of lists for who is in no variant; the others say theirs.
        rules: In force in every arm.
        rules_version: Theirs.
    """

    def __init__(
        self, policies: Policies, make: Callable[[Policy, Ranker | None], Recommender]
    ) -> None:
        """Make a recommender for each arm.

        Args:
            policies: What they rank by.
            make: A policy and its ranker -> a recommender over the snapshot.
        """
        self.policies = policies
        self.own = make(policies.own, policies.ranker_of(policies.own))
        self._arms: Mapping[str, Recommender] = {
            name: make(policy, policies.ranker_of(policy))
            for name, policy in policies.of_arms().items()
        }
        self.encoder_version = self.own.encoder_version
        self.index_version = self.own.index_version
        self.policy_version = self.own.policy_version
        self.rules, self.rules_version = self.own.rules, self.own.rules_version

    def take_policies(self, policies: Policies) -> None:
        """Other policies, rankers and shares from the next request on; the arms stay the same ones.

        Raises:
            ExperimentError: There are other arms; what was there goes on.
            PolicyError: The beliefs of one are of another sum's terms; the same.
        """
        wanted = policies.of_arms()
        if wanted.keys() != self._arms.keys():
            said = ", ".join(wanted) or "none"
            raise ExperimentError(
                f"the experiment has other arms than this worker began with ({said} instead of "
                f"{', '.join(self._arms) or 'none'}): start the workers again"
            )
        for policy in policies.each():  # all of them before any is taken
            require_terms(policy, learned=policies.ranker_of(policy) is not None)
        self.own.take_policy(policies.own, policies.ranker_of(policies.own))
        for name, policy in wanted.items():
            self._arms[name].take_policy(policy, policies.ranker_of(policy))
        self.policies = policies
        self.policy_version = self.own.policy_version

    @property
    def catalogue(self) -> Catalogue:
        """Of the snapshot."""
        return self.own.catalogue

    @property
    def heads_version(self) -> str | None:
        """Of lists for who is in no variant; the others say theirs."""
        return self.own.heads_version

    @property
    def features_version(self) -> str | None:
        """Of every ranker; None = there is none."""
        return next((each.features_version for each in self._every() if each.base_version), None)

    def take_heads(self, heads: Heads, base: str) -> None:
        """Other heads from the next request on, in the arms whose ranker they were learned from.

        Args:
            heads: The newer ones.
            base: Version of the heads that learning began with.

        Raises:
            RankerError: They do not fit; what was there goes on.
        """
        for ranking in self._every():
            if ranking.base_version == base:
                ranking.take_heads(heads)

    def obey(self, rules: Rules | None) -> None:
        """Other rules from the next request on, in every arm."""
        for ranking in self._every():
            ranking.obey(rules)
        self.rules, self.rules_version = self.own.rules, self.own.rules_version

    def follow(self, change: Change) -> None:
        """Take over a change of the live index, in every arm."""
        for ranking in self._every():
            ranking.follow(change)

    def recommend(self, requests: Sequence[Request]) -> list[Slate]:
        """A slate for each request, in their order, each under its user's variant."""
        experiment = self.policies.experiment
        if experiment is None:
            return self.own.recommend(requests)
        variants = [experiment.variant_of(request.user_id) for request in requests]
        ranked = partial(self._ranked, experiment.name)
        slates = _by_arm(requests, [None if arm is None else arm.name for arm in variants], ranked)
        self._add_shadows(experiment, requests, slates)
        return slates

    def _ranked(
        self, experiment: str, name: str | None, requests: Sequence[Request]
    ) -> list[Slate]:
        if name is None:
            return self.own.recommend(requests)
        ranking = self._arms[name]
        made_under = MadeUnder(experiment, name, ranking.policy_version, ranking.heads_version)
        return [replace(slate, made_under=made_under) for slate in ranking.recommend(requests)]

    def _add_shadows(
        self, experiment: Experiment, requests: Sequence[Request], slates: list[Slate]
    ) -> None:
        """What each shadow would have listed: under an id of its own, so that chance is its own."""
        wanted: dict[str, list[int]] = {}
        for row, request in enumerate(requests):
            for arm in experiment.shadows_of(request.user_id):
                wanted.setdefault(arm.name, []).append(row)
        for name, rows in wanted.items():
            asked = [
                replace(requests[row], recommendation_id=f"{requests[row].chance_id}~{name}")
                for row in rows
            ]
            try:
                made = self._ranked(experiment.name, name, asked)
            except Exception:  # what nobody sees must not take the list with it
                log.exception("a shadow could not rank", variant=name)
                continue
            for row, shadow in zip(rows, made, strict=True):
                slates[row] = replace(slates[row], shadows=(*slates[row].shadows, shadow))

    def _every(self) -> list[Recommender]:
        return [self.own, *self._arms.values()]


def _by_arm(
    requests: Sequence[Request],
    arms: Sequence[str | None],
    rank: Callable[[str | None, Sequence[Request]], list[Slate]],
) -> list[Slate]:
    """One call for each arm, its slates put back to their requests' places."""
    rows: dict[str | None, list[int]] = {}
    for row, arm in enumerate(arms):
        rows.setdefault(arm, []).append(row)
    found: dict[int, Slate] = {}
    for arm, places in rows.items():
        found.update(zip(places, rank(arm, [requests[row] for row in places]), strict=True))
    return [found[row] for row in range(len(requests))]
