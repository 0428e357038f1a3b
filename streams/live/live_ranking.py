"""What a worker ranks with: the edition of the moment; a batch never sees two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from index import Catalogue
from scoring import Request, Rules, Slate
from streams.live.edition import Edition
from streams.live.index_metrics import IndexMetrics

if TYPE_CHECKING:
    from scoring.ranker.heads import Heads


class LiveRanking:
    """Ranks with one edition at a time, see `streams.step.Ranking`.

    Everything here belongs to the lane's compute thread: `recommend` in a batch, `swap`, `obey`,
    `take_heads` and the changes of items between two.
    """

    def __init__(self, edition: Edition, metrics: IndexMetrics) -> None:
        self._metrics = metrics
        self._rules = edition.ranking.rules
        self._heads: Heads | None = None
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

    def take_heads(self, heads: Heads) -> None:
        """Score with other heads from the next batch on, in this edition and those after it.

        Raises:
            RankerError: They do not fit the worker's ranker, or it has none; what was there goes
                on.
        """
        self._edition.ranking.take_heads(heads)
        self._heads = heads

    def swap(self, edition: Edition) -> None:
        """Serve another edition from the next batch on."""
        if self._heads is not None:  # the edition begins with those of the ranker's folder
            edition.ranking.take_heads(self._heads)
        if edition.ranking.rules != self._rules:  # the file changed while the edition was opened
            edition.ranking.obey(self._rules)
        self._edition = edition
        self.encoder_version = edition.ranking.encoder_version
        self.index_version = edition.ranking.index_version
        self.policy_version = edition.ranking.policy_version
        self.rules_version = edition.ranking.rules_version
        self._metrics.serves(self.index_version, self.encoder_version)
        self._metrics.sized(edition.live.n_delta, edition.live.n_tombstones)

    def obey(self, rules: Rules | None) -> None:
        """Other rules from the next batch on."""
        self._rules = rules
        self._edition.ranking.obey(rules)
        self.rules_version = self._edition.ranking.rules_version
