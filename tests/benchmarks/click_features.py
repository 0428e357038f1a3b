"""What is known of a query and each product before the query comes: words, clicks, vectors.

Everything is counted in the searches before `n_known`, so nothing looks ahead. All features are
numbers for U distinct queries and N products; shares are logarithms, shrunk to popularity.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from scoring import Encoder
from tests.benchmarks.click_log import NO_PRODUCT, ClickLog

Table = NDArray[np.float64]


class KnownClicks:
    """The first searches of a log, by distinct query.

    Attributes:
        queries: M distinct queries.
        counts: (M, N) clicks.
        popular: (N,) share of all clicks; half a click is given to each product.
    """

    def __init__(self, log: ClickLog, n_known: int) -> None:
        of = list(log.queries[:n_known])
        self.queries = list(dict.fromkeys(of))
        self._places = {query: place for place, query in enumerate(self.queries)}
        self._log, self._n = log, n_known
        self._who = np.array([self._places[query] for query in of])
        self.counts = self._counted(np.ones(n_known))
        self.popular = _share(np.asarray(self.counts.sum(axis=0)).ravel() + 0.5)

    def _counted(self, weights: Table) -> sparse.csr_matrix:
        clicked = self._log.clicked[: self._n]
        there = clicked != NO_PRODUCT
        shape = (len(self.queries), len(self._log.titles))
        return sparse.csr_matrix((weights[there], (self._who[there], clicked[there])), shape=shape)

    def aged(self, half_life_days: float) -> sparse.csr_matrix:
        """(M, N) clicks, halved with each half-life before the last known one."""
        days = self._log.days[: self._n]
        return self._counted(0.5 ** ((days[-1] - days) / half_life_days))

    def has(self, query: str) -> bool:
        """Whether it was asked before."""
        return query in self._places

    def of(self, asked: Sequence[str], counts: sparse.csr_matrix) -> Table:
        """(U, N) clicks of the same query; 0 where it is new."""
        found = np.zeros((len(asked), counts.shape[1]))
        for row, query in enumerate(asked):
            if query in self._places:
                found[row] = counts[self._places[query]].toarray()
        return found

    def of_alike(self, asked: Sequence[str], likeness: Table, shrink: float) -> Table:
        """(U, N) clicks of the other queries, by how alike they are: (U, M)."""
        likeness = likeness.copy()
        for row, query in enumerate(asked):
            if query in self._places:
                likeness[row, self._places[query]] = 0.0
        n = np.asarray(self.counts.sum(axis=1)).ravel()  # (M,)
        weights = likeness * np.log1p(n)
        shares = sparse.diags(1 / np.maximum(n, 1)) @ self.counts
        found = (shares.T @ weights.T).T + shrink * self.popular
        logs: Table = np.log(found / (weights.sum(axis=1, keepdims=True) + shrink))
        return logs


def popularity(known: KnownClicks, asked: Sequence[str]) -> dict[str, Table]:
    """How often each product was clicked, of late too; the same for every query."""
    ones = np.ones((len(asked), 1))
    found = {"popular": known.popular}
    for half_life in (3.0, 14.0):
        late = np.asarray(known.aged(half_life).sum(axis=0)).ravel()
        found[f"popular, {half_life:.0f} days"] = _share(late + 0.1)
    return {name: ones * np.log(share) for name, share in found.items()}


def memory(known: KnownClicks, asked: Sequence[str]) -> dict[str, Table]:
    """What was clicked after the same query, spaces and signs aside too."""
    clicks = known.of(asked, known.counts)
    late = known.of(asked, known.aged(14.0))
    bare: dict[str, Table] = {}
    for row, query in enumerate(known.queries):
        bare[_bare(query)] = bare.get(_bare(query), 0.0) + known.counts[row].toarray().ravel()
    none = np.zeros(clicks.shape[1])
    spelled = np.stack([bare.get(_bare(query), none) for query in asked])
    return {
        "memory": _shrunk(clicks, known.popular, 3.0),
        "memory, 14 days": _shrunk(late, known.popular, 1.0),
        "memory of letters": _shrunk(spelled, known.popular, 3.0),
        "clicks": np.log1p(clicks),
        "searches": np.log1p(clicks.sum(axis=1, keepdims=True)) + 0 * clicks,
    }


def words(known: KnownClicks, asked: Sequence[str], log: ClickLog) -> dict[str, Table]:
    """What words and letters say: of titles, of descriptions, of other queries and their clicks."""
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    letters.fit([*known.queries, *log.titles])
    of_asked = letters.transform(asked)
    alike = (of_asked @ letters.transform(known.queries).T).toarray()  # (U, M)
    found = {"letters": (of_asked @ letters.transform(log.titles).T).toarray()}
    for power in (3, 8):
        found[f"alike by letters ^{power}"] = known.of_alike(asked, alike**power, 0.02)
    runs = TfidfVectorizer(analyzer="char", ngram_range=(3, 5), sublinear_tf=True)
    bare_titles = [_bare(title.casefold()) for title in log.titles]
    runs.fit([*map(_bare, known.queries), *bare_titles])
    of_bare, of_titles = (runs.transform(each) for each in (map(_bare, asked), bare_titles))
    found["letters, no spaces"] = (of_bare @ of_titles.T).toarray()
    found["share in title"] = (of_bare.power(2) @ (of_titles > 0).T).toarray()
    for name, texts in (("words", list(log.titles)), ("words, description", _texts(log))):
        tfidf = TfidfVectorizer(sublinear_tf=True)
        of_items = tfidf.fit_transform(texts)
        found[name] = (tfidf.transform(asked) @ of_items.T).toarray()
    return found | {"letters of clicks": _naive_bayes(known, asked)}


def vectors(
    known: KnownClicks, asked: Sequence[str], log: ClickLog, encoder: Encoder
) -> dict[str, Table]:
    """What an encoder says: cosines to products, and the clicks of queries that are near."""
    of_asked = encoder.encode_queries(asked)
    cosines = of_asked @ encoder.encode_items(log.titles).T
    described = of_asked @ encoder.encode_items(_texts(log)).T
    near = of_asked @ encoder.encode_queries(known.queries).T  # (U, M)
    return {
        "cosine": cosines.astype(np.float64),
        "cosine, description": described.astype(np.float64),
        "near": known.of_alike(asked, np.exp(20 * (near - 1.0)).astype(np.float64), 0.005),
    }


def _texts(log: ClickLog) -> list[str]:
    """N titles, each with its description."""
    return [" ".join(texts) for texts in zip(log.titles, log.descriptions, strict=True)]


def _naive_bayes(known: KnownClicks, asked: Sequence[str]) -> Table:
    """(U, N) log likelihood of a query's letters among those clicked, per root of their number."""
    parts = CountVectorizer(analyzer="char_wb", ngram_range=(3, 5), binary=True)
    of_known = parts.fit_transform(known.queries)  # (M, letters)
    in_all = np.asarray(
        (sparse.diags(np.asarray(known.counts.sum(axis=1)).ravel()) @ of_known).sum(0)
    )
    n = np.asarray(known.counts.sum(axis=0)).ravel()[:, None]  # (N, 1)
    prior = in_all / n.sum()
    seen = (known.counts.T @ of_known).toarray()  # (N, letters)
    odds = np.log((seen + 5 * prior) / (n + 5)) - np.log(prior)
    of_asked = parts.transform(asked)
    length = np.asarray(of_asked.sum(axis=1))
    found: Table = (of_asked @ odds.T) / np.sqrt(np.maximum(length, 1))
    return found


def _shrunk(clicks: Table, popular: Table, weight: float) -> Table:
    total = clicks.sum(axis=1, keepdims=True)
    logs: Table = np.log((clicks + weight * popular) / (total + weight))
    return logs


def _share(counts: Table) -> Table:
    shares: Table = counts / counts.sum()
    return shares


def _bare(query: str) -> str:
    return "".join(letter for letter in query if letter.isalnum())
