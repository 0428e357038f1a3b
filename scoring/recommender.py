"""Requests -> slates: the whole decision, batched. This is the hot path of a worker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue, Change, Corpus
from scoring.candidates import Pool, merge, retrieve
from scoring.centroids import find_centroids
from scoring.held import masks_of
from scoring.interests import SEARCH, Interests, find_interests
from scoring.policy import INTERESTS, Policy
from scoring.popular import Popular
from scoring.purchases import read_purchases
from scoring.query_vectors import QueryTower, QueryVectors
from scoring.ranking import Scored, score
from scoring.reasons import explain
from scoring.related.source import RelatedSource
from scoring.related.table import RelatedItems
from scoring.rings import read_rings, type_weights
from scoring.rules import forbidden_pairs
from scoring.rules.book import NO_RULES, RuleBook
from scoring.rules.limits import Caps, Pinned, pins_of
from scoring.rules.names import PIN, Rule
from scoring.rules.rule_file import Rules
from scoring.slate import Request, ScoredItem, Slate
from scoring.slates.last_layer import LastLayer
from scoring.slates.making import ListMaker, Lists

_POPULAR: Final = 2_000  # more than the rules can strike: a ring, and what a request excludes
_UNTRAINED: Final[dict[str, float | None]] = {
    "ctr": None,
    "cvr": None,
    "engagement": None,
    "relevance": None,
}
_DECIMALS: Final = 6


class Recommender:
    """One snapshot, one encoder, one policy, one set of rules: equal requests get equal slates.

    Under a policy that draws, requests are equal only if their `chance_id` is.

    For one thread at a time. A new snapshot needs a new Recommender, so a batch never mixes
    versions; give it the old one's `queries`, and what was encoded stays encoded.

    Attributes:
        catalogue: Of the snapshot.
        queries: The encoder with its cache; None = searches are answered as if without a query.
        policy: The numbers.
        index_version: Of the snapshot.
        encoder_version: Of the snapshot's vectors, and of the encoder if there is one.
        policy_version: Of the policy, and of the table of related items if there is one.
        rules: Of a file; None = there is none.
        rules_version: Theirs.
    """

    def __init__(
        self,
        snapshot: Corpus,
        encoder: QueryTower | QueryVectors | None,
        *,
        policy: Policy | None = None,
        rules: Rules | None = None,
        related: RelatedItems | None = None,
        last_layer: LastLayer | None = None,
        keeps_evidence: bool = False,
    ) -> None:
        """Work out what does not change: centroids, popularity. Reads every vector once.

        Args:
            snapshot: What is searched; a live index that nothing has changed yet.
            encoder: Of the same version as the snapshot's vectors.
            policy: None = the defaults.
            rules: Of a file, see `rules.rule_file`; None = those of the policy only.
            related: What goes together; None = that source brings nothing.
            last_layer: What is believed of the weights, for a policy that draws with thompson.
            keeps_evidence: Whether each slate says what it was drawn from.

        Raises:
            EncoderMismatchError: The snapshot's vectors come from another encoder.
        """
        if encoder is not None:
            snapshot.require_encoder(encoder.version)
        if encoder is None or isinstance(encoder, QueryVectors):
            self.queries = encoder
        else:
            self.queries = QueryVectors(encoder)
        self.catalogue: Catalogue = snapshot.catalogue
        self.policy = policy or Policy()
        self.index_version = snapshot.version
        self.encoder_version = snapshot.encoder_version
        self.policy_version = self.policy.version
        if related is not None:
            self.policy_version += f"+{related.version}"
        self._snapshot = snapshot
        self._weight_of_type = type_weights(self.policy)
        self._centroids = find_centroids(snapshot.catalogue, snapshot.vectors)
        self._popular = Popular(snapshot.catalogue, _POPULAR)
        self._related = None if related is None else RelatedSource(related, self.catalogue)
        self._last_layer = last_layer
        self._keeps_evidence = keeps_evidence
        self.obey(rules)

    def obey(self, rules: Rules | None) -> None:
        """Other rules from the next request on."""
        self.rules = rules
        self.rules_version = None if rules is None else rules.version
        self._book = RuleBook(rules or NO_RULES, self.catalogue)
        caps = Caps(self._book.rules, self.policy, self.catalogue)
        self._filled: NDArray[np.int64] | None = None
        self._maker = ListMaker(
            self.policy, caps, self._snapshot, self._last_layer, self._keeps_evidence
        )

    def recommend(self, requests: Sequence[Request]) -> list[Slate]:
        """A slate for each request, in their order.

        One look-up and one gather for the rings of all users, one search for all their interests,
        one encoder call for all new queries.
        """
        if not requests:
            return []
        snapshot, catalogue, policy = self._snapshot, self.catalogue, self.policy
        rings = read_rings(requests, snapshot, policy, self._weight_of_type)
        purchases = read_purchases(requests, rings, catalogue)
        interests = find_interests(requests, rings, self._centroids, self.queries, policy)
        masks = masks_of(requests, catalogue)
        retrieved = retrieve(interests, snapshot, policy, masks)
        forbidden = forbidden_pairs(requests, rings, purchases, catalogue, policy, self._book)
        pinned = pins_of(requests, self._book.rules, catalogue, policy.slate_size)
        popular = self._filling()
        related = None if self._related is None else self._related.of(rings, policy)
        brought = [pinned.pairs] if related is None else [pinned.pairs, related.pairs]
        pool = merge(retrieved, purchases, popular, forbidden, catalogue, policy, masks, brought)
        hits, popularity = retrieved.search_hits, self._popular.relative
        scored = score(pool, interests, hits, purchases, snapshot, popularity, related, policy)
        lists = self._maker.make(requests, pool, scored, pinned)
        recurs = self._book.recurs
        reasons = explain(
            requests, lists.places, pool, scored, rings, snapshot, popularity, recurs, related
        )
        _say_pinned(reasons, lists, pool, pinned)
        items = self._items(lists, pool, scored, interests, reasons)
        return [
            Slate(*parts)
            for parts in zip(
                items,
                _by_name(interests),
                rings.unknown.tolist(),
                _effects(pool, lists),
                lists.evidence or repeat(None),
                strict=False,
            )
        ]

    def follow(self, change: Change) -> None:
        """Take over what an upsert or a deletion in the live index has changed."""
        self._centroids.follow(change)
        self._popular.follow(change)
        if self._related is not None:
            self._related.follow(change)
        self._book.follow(change)
        self._filled = None

    def _filling(self) -> NDArray[np.int64]:
        """Popular items that the rules let be, those first that a list has under the caps."""
        if self._filled is None:
            allowed = self._book.unblocked(self._popular.positions)
            self._filled = self._maker.caps.spread(allowed, self.policy.slate_size)
        return self._filled

    def _items(
        self,
        lists: Lists,
        pool: Pool,
        scored: Scored,
        interests: Interests,
        reasons: list[list[str]],
    ) -> list[tuple[ScoredItem, ...]]:
        """(B, n) places -> B tuples of at most n items."""
        places, exists = lists.places, lists.exists
        if not len(pool.pairs):
            return [() for _ in places]
        ids = self.catalogue.ids
        positions = pool.positions[places].tolist()
        totals = scored.totals[places].astype(np.float64).round(_DECIMALS).tolist()
        relevance = scored.cosines[SEARCH, places].astype(np.float64).round(_DECIMALS).tolist()
        searching = interests.confidence[:, SEARCH].tolist()
        propensities = lists.propensities.tolist()
        slates = []
        for user, n_items in enumerate(exists.sum(axis=1).tolist()):
            tasks: Iterable[dict[str, float | None]] = (
                [_UNTRAINED | {"relevance": cosine} for cosine in relevance[user]]
                if searching[user]
                else repeat(_UNTRAINED)
            )
            item_ids = [ids[position] for position in positions[user]]
            ranks = range(1, n_items + 1)  # the shortest: map ends with it
            columns = (item_ids, ranks, totals[user], tasks, propensities[user], reasons[user])
            made = map(ScoredItem, *columns)
            slates.append(tuple(made))
        return slates


def _by_name(interests: Interests) -> list[dict[str, NDArray[np.float32]]]:
    """The interests of each user that exist, by name."""
    found: list[dict[str, NDArray[np.float32]]] = [{} for _ in interests.confidence]
    for user, kind in zip(*map(np.ndarray.tolist, np.nonzero(interests.confidence)), strict=True):
        found[user][INTERESTS[kind]] = interests.vectors[user, kind]
    return found


def _say_pinned(reasons: list[list[str]], lists: Lists, pool: Pool, pinned: Pinned) -> None:
    """Where a pin has put an item, its reason is the pin's."""
    if not len(pinned):
        return
    said = dict(zip(pinned.pairs.tolist(), pinned.reasons, strict=True))
    for user, rank in zip(*map(np.ndarray.tolist, np.nonzero(lists.pinned)), strict=True):
        reasons[user][rank] = said[int(pool.pairs[lists.places[user, rank]])]


def _effects(pool: Pool, lists: Lists) -> list[dict[str, int]]:
    """For each user, name of a rule -> candidates that it took out, or, of pins, put in."""
    found: list[dict[str, int]] = [{} for _ in lists.places]
    for user, rule in zip(*map(np.ndarray.tolist, np.nonzero(pool.struck)), strict=True):
        found[user][Rule(rule).label] = int(pool.struck[user, rule])
    acted = dict(lists.capped)
    if lists.pinned.any():
        acted[PIN] = lists.pinned.sum(axis=1)
    for name, counts in acted.items():
        for user in np.flatnonzero(counts).tolist():
            found[user][name] = int(counts[user])
    return found
