"""An experiment in service: each user ranked under their variant, shadows scored beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import structlog

from index import Catalogue, Change
from scoring import Policy, Recommender, Request, Rules, Slate
from scoring.experiments.experiment import Arm, Experiment
from scoring.slate import MadeUnder

if TYPE_CHECKING:
    from scoring.ranker.heads import Heads

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Armed:
    """An arm with what ranks for it."""

    ranking: Recommender
    made_under: MadeUnder


class ArmedRanking:
    """One recommender an arm, all over the same snapshot; what it offers is a recommender's.

    A list is a function of its request as before: the arm is one of the user's id. A shadow that
    fails is logged, and the list goes out without it.

    Attributes:
        own: Ranks for who is in no variant.
        encoder_version: Of every arm.
        index_version: Of every arm.
        policy_version: Of lists for who is in no variant; the others say theirs.
        rules: In force in every arm.
        rules_version: Theirs.
    """

    def __init__(
        self, experiment: Experiment, policy: Policy, make: Callable[[Policy], Recommender]
    ) -> None:
        """Make a recommender for each arm.

        Args:
            experiment: Its arms' policies were found usable.
            policy: The worker's own.
            make: A policy -> a recommender over the snapshot.
        """
        self.own = make(policy)
        self._experiment = experiment
        self._arms: Mapping[str, _Armed] = {
            arm.name: self._armed(arm, make(arm.policy(policy)))
            for arm in (*experiment.variants, *experiment.shadows)
        }
        self.encoder_version = self.own.encoder_version
        self.index_version = self.own.index_version
        self.policy_version = self.own.policy_version
        self.rules, self.rules_version = self.own.rules, self.own.rules_version

    def _armed(self, arm: Arm, ranking: Recommender) -> _Armed:
        made_under = MadeUnder(self._experiment.name, arm.name, ranking.policy_version)
        return _Armed(ranking, made_under)

    @property
    def catalogue(self) -> Catalogue:
        """Of the snapshot."""
        return self.own.catalogue

    @property
    def heads_version(self) -> str | None:
        """Of every arm; None = there is no ranker."""
        return self.own.heads_version

    @property
    def features_version(self) -> str | None:
        """Of every arm; None = there is no ranker."""
        return self.own.features_version

    def take_heads(self, heads: Heads) -> None:
        """Other heads from the next request on, in every arm.

        Raises:
            RankerError: They do not fit; what was there goes on.
        """
        for ranking in self._every():
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
        variants = [self._experiment.variant_of(request.user_id) for request in requests]
        slates = _by_arm(
            requests, [None if arm is None else arm.name for arm in variants], self._ranked
        )
        if self._experiment.shadows:
            self._add_shadows(requests, slates)
        return slates

    def _ranked(self, name: str | None, requests: Sequence[Request]) -> list[Slate]:
        if name is None:
            return self.own.recommend(requests)
        armed = self._arms[name]
        return [
            replace(slate, made_under=armed.made_under)
            for slate in armed.ranking.recommend(requests)
        ]

    def _add_shadows(self, requests: Sequence[Request], slates: list[Slate]) -> None:
        """What each shadow would have listed: under an id of its own, so that chance is its own."""
        wanted: dict[str, list[int]] = {}
        for row, request in enumerate(requests):
            for arm in self._experiment.shadows_of(request.user_id):
                wanted.setdefault(arm.name, []).append(row)
        for name, rows in wanted.items():
            asked = [
                replace(requests[row], recommendation_id=f"{requests[row].chance_id}~{name}")
                for row in rows
            ]
            try:
                made = self._ranked(name, asked)
            except Exception:  # what nobody sees must not take the list with it
                log.exception("a shadow could not rank", variant=name)
                continue
            for row, shadow in zip(rows, made, strict=True):
                slates[row] = replace(slates[row], shadows=(*slates[row].shadows, shadow))

    def _every(self) -> list[Recommender]:
        return [self.own, *(armed.ranking for armed in self._arms.values())]


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
