"""What a worker makes lists by: policies, an experiment's arms, and the rankers they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from scoring import Policy
from scoring.experiments.experiment import Experiment
from streams.experiment_file import experiment_of
from streams.policy_file import policy_of

if TYPE_CHECKING:
    from scoring.ranker.heads import Heads
    from scoring.ranker.ranker import Ranker
    from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class Policies:
    """All of a moment; equal where the same lists are made.

    Attributes:
        own: The policy of who is in no variant.
        experiment: Who gets another one, or a shadow beside it; None = there is none.
        ranker: Of the settings; None = there is none.
        named: Version of a ranker that a policy names -> the ranker.
    """

    own: Policy
    experiment: Experiment | None = None
    ranker: Ranker | None = field(default=None, compare=False)
    named: Mapping[str, Ranker] = field(default_factory=dict, compare=False)

    @classmethod
    def read(cls, settings: Settings, before: Self | None = None) -> Self:
        """What the settings' files say now; rankers are loaded.

        Args:
            settings: Name the files.
            before: What was read before: the rankers in it are not loaded again, but for that of
                the settings, which is the same as long as a worker runs.

        Raises:
            ScoringError: A file is none, or a ranker does not load.
            SettingsError: Workers with these settings cannot publish what it makes.
        """
        own = policy_of(settings)
        found = cls(own, experiment_of(settings, own))
        if found == before:
            return before
        if before is not None:
            ranker, named = before.ranker, dict(before.named)
        else:
            ranker, named = None, {}
            if settings.ranker is not None:
                from scoring import load_ranker  # torch comes with it

                ranker = load_ranker(settings.ranker, settings.torch_device)
        wanted = {each.ranker.version: each.ranker for each in found.each() if each.ranker}
        for version, name in wanted.items():
            if version not in named:
                from scoring import load_named_ranker  # torch comes with it

                held = [each for each in (ranker, *named.values()) if each is not None]
                named[version] = load_named_ranker(name, held, settings.torch_device)
        kept = {version: named[version] for version in wanted}
        return cls(found.own, found.experiment, ranker, kept)

    def each(self) -> Iterator[Policy]:
        """Every policy: the worker's own first."""
        yield self.own
        yield from self.of_arms().values()

    def of_arms(self) -> dict[str, Policy]:
        """Name of an arm -> its policy; variants, then shadows."""
        arms = () if self.experiment is None else self.experiment.arms
        return {arm.name: arm.policy(self.own) for arm in arms}

    def ranker_of(self, policy: Policy) -> Ranker | None:
        """What one of them is served with: the ranker that it names, or the worker's."""
        return self.ranker if policy.ranker is None else self.named[policy.ranker.version]

    def bases(self) -> dict[str, Heads]:
        """The heads that rankers came with, by version: what a learner may have begun with."""
        rankers = (self.ranker_of(policy) for policy in self.each())
        return {each.heads.version: each.heads for each in rankers if each is not None}
