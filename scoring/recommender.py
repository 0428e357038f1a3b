"""Requests -> slates: the whole decision, batched. This is the hot path of a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from index import Catalogue, Change, Corpus
from scoring.candidates import best_of, merge, retrieve
from scoring.centroids import find_centroids
from scoring.errors import RankerError
from scoring.gathered import Gathered
from scoring.held import masks_of
from scoring.interests import find_interests
from scoring.newness import new_pairs
from scoring.policy import NEW_ITEMS, Policy
from scoring.popular import Popular
from scoring.purchases import Purchases, read_purchases
from scoring.query_vectors import QueryTower, QueryVectors
from scoring.ranking import Scored, require_terms, score
from scoring.reasons import explain
from scoring.related.source import RelatedSource
from scoring.related.table import RelatedItems
from scoring.rings import Rings, read_rings, type_weights
from scoring.rules import forbidden_pairs
from scoring.rules.book import NO_RULES, RuleBook
from scoring.rules.floors import FloorBook
from scoring.rules.limits import Caps, pins_of
from scoring.rules.rule_file import Rules
from scoring.search_order import PairScorer, SearchOrder
from scoring.shop_counts import ShopCounts
from scoring.shop_view import ShopView
from scoring.slate import Request, Slate
from scoring.slates.making import ListMaker
from scoring.slates.writing import say_pinned, slates_of
from scoring.trends import Trending, Trends, unchanging

if TYPE_CHECKING:
    from scoring.ranker.heads import Heads
    from scoring.ranker.learned import LearnedRanking
    from scoring.ranker.ranker import Ranker
    from scoring.ranker.source import Asked

_RANKED_AT_ONCE: Final = 64
"""Users whose columns a learned ranker lays out at once: of more, they leave the cache."""

_POPULAR: Final = 2_000  # more than the rules can strike: a ring, and what a request excludes


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
        keeps_evidence: bool = False,
        ranker: Ranker | None = None,
        shop: ShopCounts | None = None,
        reranker: PairScorer | None = None,
    ) -> None:
        """Work out what does not change: centroids, popularity. Reads every vector once.

        Args:
            snapshot: What is searched; a live index that nothing has changed yet.
            encoder: Of the same version as the snapshot's vectors.
            policy: None = the defaults.
            rules: Of a file, see `rules.rule_file`; None = those of the policy only.
            related: What goes together; None = that source brings nothing.
            keeps_evidence: Whether each slate says what it was drawn from.
            ranker: Learned weights; None = the documented sum orders lists.
            reranker: Reads a search and its best candidates together; None = cosines order them.
            shop: Counts of the whole shop that someone else keeps: what is popular now, and columns
                of a ranker; None = what is popular is what the index says.

        Raises:
            EncoderMismatchError: The snapshot's vectors come from another encoder.
            RankerError: The ranker reads columns that this version does not make.
            PolicyError: The policy's beliefs are of another sum's terms.
        """
        if encoder is not None:
            snapshot.require_encoder(encoder.version)
        if encoder is None or isinstance(encoder, QueryVectors):
            self.queries = encoder
        else:
            self.queries = QueryVectors(encoder)
        self.catalogue: Catalogue = snapshot.catalogue
        self.index_version = snapshot.version
        self.encoder_version = snapshot.encoder_version
        self._snapshot = snapshot
        self._centroids = find_centroids(snapshot.catalogue, snapshot.vectors)
        self._popular = Popular(snapshot.catalogue, _POPULAR)
        self._related = None if related is None else RelatedSource(related, self.catalogue)
        self._keeps_evidence = keeps_evidence
        self._view = ShopView(ShopCounts() if shop is None else shop, self.catalogue)
        self._trends = None if shop is None else Trends(self._view, self.catalogue, _POPULAR)
        self._popular_now: Trending | None = None
        self._reranker = reranker
        self._related_version = None if related is None else related.version
        self._ranker: Ranker | None = None
        self._learned: LearnedRanking | None = None
        self.rules = rules
        self._take(policy or Policy(), ranker)

    @property
    def heads_version(self) -> str | None:
        """Of the heads that score from the next request on; None = the documented sum does."""
        return None if self._learned is None else self._learned.heads.version

    @property
    def base_version(self) -> str | None:
        """Of the heads that the ranker came with; None = there is no ranker."""
        return None if self._ranker is None else self._ranker.heads.version

    @property
    def features_version(self) -> str | None:
        """Of the columns that they read; None = no columns are made."""
        return None if self._learned is None else self._learned.heads.features_version

    def take_policy(self, policy: Policy, ranker: Ranker | None) -> None:
        """Other numbers, and the ranker that they weigh, from the next request on.

        Heads that the ranker has got since stay, where it is the same as before. What is in force
        already costs nothing; another policy, some .1 s in a catalogue of 100,000 items.

        Raises:
            RankerError: It reads columns that this version does not make; nothing has changed.
            PolicyError: Its beliefs are of another sum's terms; the same.
        """
        if policy != self.policy or ranker is not self._ranker:
            self._take(policy, ranker)

    def _take(self, policy: Policy, ranker: Ranker | None) -> None:
        require_terms(policy, learned=ranker is not None)
        if ranker is None:
            self._learned = None
        elif ranker is not self._ranker:
            from scoring.ranker.learned import LearnedRanking  # torch comes with it

            self._learned = LearnedRanking(ranker, self.catalogue)
        self._ranker = ranker
        self.policy = policy
        self._weight_of_type = type_weights(policy)
        self._search_order = None
        if self._reranker is not None:
            self._search_order = SearchOrder(self._reranker, self.catalogue, policy.rerank)
        parts = (
            policy.version,
            self._related_version,
            None if self._trends is None else "trends",
            None if ranker is None else ranker.version,
            None if self._reranker is None else self._reranker.version,
        )
        self.policy_version = "+".join(each for each in parts if each is not None)
        self.obey(self.rules)

    def take_heads(self, heads: Heads) -> None:
        """Other heads from the next request on.

        Raises:
            RankerError: There is no ranker, or they do not fit it; what was there goes on.
        """
        if self._learned is None:
            raise RankerError(f"{heads.version} came and there is no ranker: set RILLSTREAM_RANKER")
        self._learned.take(heads)

    def obey(self, rules: Rules | None) -> None:
        """Other rules from the next request on."""
        self.rules = rules
        self.rules_version = None if rules is None else rules.version
        self._book = RuleBook(rules or NO_RULES, self.catalogue)
        caps = Caps(self._book.rules, self.policy, self.catalogue)
        floors = FloorBook(self._book, self.catalogue, self.policy.slate_size)
        self._filled: tuple[Trending, list[NDArray[np.int64]]] | None = None
        self._maker = ListMaker(self.policy, caps, floors, self._snapshot, self._keeps_evidence)

    def recommend(self, requests: Sequence[Request]) -> list[Slate]:
        """A slate for each request, in their order.

        One look-up and one gather for the rings of all users, one search for all their interests,
        one encoder call for all new queries.
        """
        if not requests:
            return []
        if self._learned is not None and len(requests) > _RANKED_AT_ONCE:
            starts = range(0, len(requests), _RANKED_AT_ONCE)
            parts = (requests[start : start + _RANKED_AT_ONCE] for start in starts)
            return [slate for part in parts for slate in self.recommend(part)]
        gathered = self.gather(requests)
        pool, pinned, told = gathered.pool, gathered.pinned, gathered.told
        scored = self._scored(gathered)
        lists = self._maker.make(requests, pool, scored, pinned)
        reasons = explain(
            requests,
            lists.places,
            pool,
            told,
            gathered.rings,
            self._snapshot,
            gathered.popularity,
            self._book.recurs,
            gathered.related,
            gathered.new,
        )
        say_pinned(reasons, lists, pool, pinned)
        return slates_of(lists, scored, gathered, reasons, self.catalogue)

    def gather(self, requests: Sequence[Request]) -> Gathered:
        """Candidates of a batch and all that is known of them: what a ranker learns from.

        Args:
            requests: One or more.
        """
        snapshot, catalogue, policy = self._snapshot, self.catalogue, self.policy
        rings = read_rings(requests, snapshot, policy, self._weight_of_type)
        purchases = read_purchases(requests, rings, catalogue)
        interests = find_interests(requests, rings, self._centroids, self.queries, policy)
        masks = masks_of(requests, catalogue)
        retrieved = retrieve(interests, snapshot, policy, masks)
        forbidden = forbidden_pairs(requests, rings, purchases, catalogue, policy, self._book)
        pinned = pins_of(requests, self._book.rules, catalogue, policy.slate_size)
        now_ms = max(request.at_ms for request in requests)
        trending = self._trending(now_ms)
        audiences = trending.audiences(requests, np.diff(purchases.starts) > 0)
        fillings = self._fillings(trending)
        related = None if self._related is None else self._related.of(rings, policy)
        at_most = policy.quotas.get("new_items", NEW_ITEMS)
        new = new_pairs(trending, audiences, interests, snapshot, at_most)
        brought = {"pinned": pinned.pairs, "new_items": new}
        if related is not None:
            brought["related"] = related.pairs
        if len(fillings) > 1:
            brought["trending"] = best_of(fillings, audiences, policy)
        if self._maker.floors:
            brought["floors"] = self._maker.floors.pairs(len(requests))
        asked = self._ask(requests, rings, purchases)
        if asked is not None:
            brought |= asked.brought
        pool = merge(
            retrieved,
            purchases,
            fillings,
            audiences,
            forbidden,
            catalogue,
            policy,
            masks,
            brought,
            with_marks=self._keeps_evidence,
        )
        pinned = pinned.among(pool.pairs)
        hits = retrieved.search_hits
        popularity = trending.relative[audiences[pool.users], pool.positions]  # (M,)
        told = score(pool, interests, hits, purchases, snapshot, popularity, related, policy)
        if self._search_order is not None:
            told = self._search_order.of(requests, pool, told, hits)
        chances = None
        if self._learned is not None and asked is not None:
            shop = self._view.columns(now_ms)
            chances = self._learned.chances(asked, pool, told.cosines, interests, shop)
        return Gathered(
            rings=rings,
            interests=interests,
            retrieved=retrieved,
            pinned=pinned,
            related=related,
            pool=pool,
            told=told,
            chances=chances,
            popularity=popularity,
            new=trending.new,
        )

    def follow(self, change: Change) -> None:
        """Take over what an upsert or a deletion in the live index has changed."""
        self._centroids.follow(change)
        self._popular.follow(change)
        if self._related is not None:
            self._related.follow(change)
        if self._learned is not None:
            self._learned.follow(change)
        self._view.follow()
        self._book.follow(change)
        self._maker.floors.follow(change)
        self._filled = self._popular_now = None

    def _trending(self, now_ms: int) -> Trending:
        """What is bought now; what the index says is popular where the shop's counts say little."""
        found = None if self._trends is None else self._trends.at(now_ms)
        if found is not None:
            return found
        if self._popular_now is None:
            self._popular_now = unchanging(self._popular)
        return self._popular_now

    def _fillings(self, trending: Trending) -> list[NDArray[np.int64]]:
        """For each audience, what is popular and the rules let be, first what caps would take."""
        if self._filled is None or self._filled[0] is not trending:
            size, spread = self.policy.slate_size, self._maker.caps.spread
            made = [spread(each[self._book.lets(each)], size) for each in trending.positions]
            self._filled = (trending, made)
        return self._filled[1]

    def _ask(self, requests: Sequence[Request], rings: Rings, purchases: Purchases) -> Asked | None:
        if self._learned is None:
            return None
        return self._learned.source.ask(requests, rings, purchases, self.policy)

    def _scored(self, gathered: Gathered) -> Scored:
        """What orders lists: the learned sum where there is a ranker, else the documented one."""
        if gathered.chances is None:
            return gathered.told
        from scoring.ranker.learned import weighted

        hits = gathered.retrieved.search_hits
        return weighted(gathered.told, gathered.chances, hits, gathered.pool, self.policy)
