"""What a worker ranks with: the edition of the moment; a batch never sees two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from index import Catalogue
from scoring import Request, Rules, Slate
from scoring.errors import RankerError
from streams.live.armed_ranking import ArmedRanking
from streams.live.edition import Edition
from streams.live.index_metrics import IndexMetrics
from streams.live.policies import Policies

if TYPE_CHECKING:
    from scoring.ranker.heads import Heads


class LiveRanking:
    """Ranks with one edition at a time, see `streams.step.Ranking`.

    Everything here belongs to the lane's compute thread: `recommend` in a batch, `swap`, `obey`,
    `take_policies`, `take_heads` and the changes of items between two.
    """

    def __init__(self, edition: Edition, metrics: IndexMetrics) -> None:
        self._metrics = metrics
        self._rules = edition.ranking.rules
        self._policies: Policies | None = None
        self._heads: dict[str, tuple[Heads, str]] = {}
        self.swap(edition)

    @property
    def catalogue(self) -> Catalogue:
        """The items of the edition."""
        return self._edition.live.catalogue

    @property
    def edition(self) -> Edition:
        """What is served now."""
        return self._edition

    @property
    def items_read(self) -> dict[str, int]:
        """How far changes of items are in the lists, see `Edition`."""
        return self._edition.items_read

    def recommend(self, requests: Sequence[Request]) -> list[Slate]:
        """One slate for each request, in their order."""
        return self._edition.ranking.recommend(requests)

    @property
    def heads_version(self) -> str | None:
        """Of the heads that score; None = there is no ranker."""
        return self._edition.ranking.heads_version

    @property
    def features_version(self) -> str | None:
        """Of the columns that they read; None = there is no ranker."""
        return self._edition.ranking.features_version

    @property
    def policies(self) -> Policies:
        """In force, see `streams.live.policies`."""
        return self._edition.ranking.policies

    def take_policies(self, policies: Policies) -> None:
        """Other policies from the next batch on, in this edition and those after it.

        Raises:
            ExperimentError: There are other arms; what was there goes on.
            PolicyError: The beliefs of one are of another sum's terms; the same.
        """
        self._edition.ranking.take_policies(policies)
        self._policies = policies
        self._settle(self._edition.ranking)

    def take_heads(self, heads: Heads, base: str, encoder_version: str) -> None:
        """Score with other heads from the next batch on, in this edition and those after it.

        Args:
            heads: Go to the arms whose ranker they were learned from.
            base: Version of that ranker's own heads.
            encoder_version: Of the lists that they were learned from; '' = they had none.

        Raises:
            RankerError: They do not fit; what was there goes on.
        """
        # Asked here, for another edition may have come since they were read.
        if encoder_version not in ("", self.encoder_version):
            raise RankerError(
                f"{heads.version} was learned from lists of encoder {encoder_version}, lists are "
                f"now made with {self.encoder_version}: train the ranker again"
            )
        self._edition.ranking.take_heads(heads, base)
        self._heads[base] = heads, self.encoder_version

    def swap(self, edition: Edition) -> None:
        """Serve another edition from the next batch on."""
        ranking = edition.ranking
        # The files may have changed while the edition was opened.
        if self._policies is not None and ranking.policies is not self._policies:
            ranking.take_policies(self._policies)
        if ranking.rules != self._rules:
            ranking.obey(self._rules)
        self._settle(ranking)
        self._edition = edition
        self.encoder_version = ranking.encoder_version
        self.index_version = ranking.index_version
        self.rules_version = ranking.rules_version
        self._metrics.serves(self.index_version, self.encoder_version)
        self._metrics.sized(edition.live.n_delta, edition.live.n_tombstones)

    def _settle(self, ranking: ArmedRanking) -> None:
        """A ranker begins with the heads of its folder; what was learned since is put on again.

        But not under another encoder: a worker that starts with it would refuse these heads.
        """
        for base, (heads, encoder_version) in self._heads.items():
            if encoder_version == ranking.encoder_version:
                ranking.take_heads(heads, base)
        self.policy_version = ranking.policy_version

    def obey(self, rules: Rules | None) -> None:
        """Other rules from the next batch on."""
        self._rules = rules
        self._edition.ranking.obey(rules)
        self.rules_version = self._edition.ranking.rules_version
