"""Which product is clicked after a search: words and clicks, and what an encoder adds to them.

    python -m tests.benchmarks.bench_clicks --data DIR/bestbuy_search --prepare rows
    rillstream train scoring/recipes/best-buy.toml --data rows
    python -m tests.benchmarks.bench_clicks --data DIR/bestbuy_search --model models/best-buy

The last fifth of the log by time is the test; all is counted in what comes before. Rankers learn
from the last fifth of the rest, with features that were counted before that, and `--model` has
learned from pairs before that, too. Settings of every form are chosen on what its ranker learns
from (of the rankers, on its last quarter). MRR among all products, equal scores count half;
intervals (95 %) are of 2,000 bootstrap samples of the test's searches, differences are paired.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from scoring import load_encoder
from tests.benchmarks.click_features import (
    KnownClicks,
    Table,
    memory,
    popularity,
    vectors,
    words,
)
from tests.benchmarks.click_log import NO_PRODUCT, ClickLog, pairs_to_learn, read_click_log
from tests.benchmarks.click_ranker import CHOICES, ranked
from tests.benchmarks.over_seeds import shown
from tests.benchmarks.resampling import bounds

_TEST: Final = 0.2
_N_SEEDS: Final = 8
_N_CHOOSING: Final = 2
_RESAMPLES: Final = 2000
_WEIGHTS: Final = (0.3, 1.0, 3.0, 10.0)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Asked:
    """Some searches of the log, by distinct query.

    Attributes:
        queries: U distinct queries.
        which: (n,) of each search.
        clicked: (n,) its product.
        new: (n,) whether its query was never asked before.
        features: Name -> (U, N).
    """

    def __init__(
        self, log: ClickLog, start: int, end: int, encoders: Mapping[str, str | None]
    ) -> None:
        known, of = KnownClicks(log, start), log.queries[start:end]
        self.queries = list(dict.fromkeys(of))
        places = {query: place for place, query in enumerate(self.queries)}
        self.which = np.array([places[query] for query in of])
        self.clicked = log.clicked[start:end]
        self.new = np.array([not known.has(query) for query in of])
        self.popular = np.tile(known.popular, (len(self.queries), 1))  # (U, N)
        self.counts = known.of(self.queries, known.counts)  # (U, N)
        self.features: dict[str, Table] = {
            **popularity(known, self.queries),
            **memory(known, self.queries),
            **words(known, self.queries, log),
        }
        self.n_plain = len(self.features)
        for name, source in encoders.items():
            encoder = load_encoder(source, threads=1, precision="auto")
            for what, table in vectors(known, self.queries, log, encoder).items():
                self.features[f"{name}: {what}"] = table

    def table(self, encoders: Sequence[str]) -> NDArray[np.float32]:
        """(U, N, F) features of words and clicks, and of these encoders."""
        chosen = [
            table
            for place, (name, table) in enumerate(self.features.items())
            if place < self.n_plain or name.partition(":")[0] in encoders
        ]
        return np.stack(chosen, axis=2).astype(np.float32)

    def clicks(self, searches: slice) -> Floats:
        """(U, N) clicks of some of the searches."""
        found = np.zeros(self.counts.shape)
        who, what = self.which[searches], self.clicked[searches]
        np.add.at(found, (who[what != NO_PRODUCT], what[what != NO_PRODUCT]), 1.0)
        return found

    def reciprocal_ranks(self, scores: NDArray[np.floating]) -> Floats:
        """(U, N) scores -> (n,) one a search; 0 where the product is not among them."""
        rows = np.asarray(scores, dtype=np.float64)[self.which]  # (n, N)
        right = rows[np.arange(len(rows)), np.maximum(self.clicked, 0)][:, None]
        ahead = (rows > right).sum(axis=1) + ((rows == right).sum(axis=1) - 1) / 2
        return np.where(self.clicked == NO_PRODUCT, 0.0, 1 / (1 + ahead))


def plain_forms(learned: Asked, tested: Asked) -> dict[str, Floats]:
    """Sums without a ranker: memory goes before everything, weights are chosen on `learned`."""
    found = {
        "popularity": tested.popular,
        "query memory": tested.counts + 1e-3 * tested.popular,
    }

    def summed(asked: Asked, extra: str | None, letters: float, popular: float) -> Floats:
        score = 10 * asked.counts + letters * asked.features["letters"] + popular * asked.popular
        return score if extra is None else score + asked.features[extra]

    for name, extra in (
        ("memory + TF-IDF + popularity", None),
        ("the same + MiniLM", "MiniLM: cosine"),
    ):
        grid = [(a, b) for a in (1.0, 2.0) for b in _WEIGHTS]
        best = max(grid, key=lambda w: learned.reciprocal_ranks(summed(learned, extra, *w)).mean())
        found[name] = summed(tested, extra, *best)
    return found


def by_ranker(
    learned: Asked, tested: Asked, encoders: Sequence[str], seeds: Sequence[int]
) -> NDArray[np.float32]:
    """Settings chosen on the last quarter of the searches, then learned from all of them."""
    n = len(learned.which) * 3 // 4
    x = learned.table(encoders)
    late = slice(n, None)

    def chosen_by(scores: NDArray[np.float32]) -> float:
        return float(learned.reciprocal_ranks(scores)[late].mean())

    begun = {
        choice: chosen_by(ranked(x, learned.clicks(slice(n)), x, choice, seeds[:_N_CHOOSING]))
        for choice in CHOICES
    }
    best = max(begun, key=lambda choice: begun[choice])
    print("  chosen:", best, {f"{c.hidden}, {c.epochs}": round(m, 4) for c, m in begun.items()})
    return ranked(x, learned.clicks(slice(None)), tested.table(encoders), best, seeds)


def interval(values: Floats) -> tuple[float, float, float]:
    """Mean, and its 95 % bounds."""
    low, high = bounds(lambda some: float(values[some].mean()), len(values), _RESAMPLES)
    return float(values.mean()), low, high


def main() -> None:
    """Print MRR of all searches and of those whose query is new, for each form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--prepare", type=Path, help="write pairs.jsonl there, and end")
    parser.add_argument("--model", type=Path, help="what the recipe has trained")
    parser.add_argument("--sets", type=int, default=1, help="of eight seeds each: 5 tell a spread")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    log = read_click_log(asked.data, 1 - _TEST)
    n = len(log.queries)
    n_known = int((1 - _TEST) * n)
    n_first = int((1 - _TEST) * n_known)
    if asked.prepare is not None:
        asked.prepare.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(row) + "\n" for row in pairs_to_learn(log, n_first)]
        (asked.prepare / "pairs.jsonl").write_text("".join(lines), "utf-8")
        print(f"{len(lines)} pairs in {asked.prepare / 'pairs.jsonl'}")
        return
    begun_s = time.monotonic()
    encoders: dict[str, str | None] = {"MiniLM": None}
    if asked.model is not None:
        encoders["trained"] = str(asked.model)
    learned, tested = Asked(log, n_first, n_known, encoders), Asked(log, n_known, n, encoders)
    print(f"{n} searches, {len(tested.which)} tested, {tested.new.sum()} of them new")
    found = {
        name: tested.reciprocal_ranks(scores)
        for name, scores in (plain_forms(learned, tested) | tested.features).items()
    }
    arms = {"ranker: words and clicks": (), "ranker: + MiniLM": ("MiniLM",)}
    if asked.model is not None:
        arms["ranker: + trained"] = ("trained",)
    by_set: dict[str, list[NDArray[np.float32]]] = {name: [] for name in arms}
    for name, used in arms.items():
        for at in range(asked.sets):
            print(f"{name}, set {at + 1} ({time.monotonic() - begun_s:.0f} s)", flush=True)
            seeds = range(at * _N_SEEDS, (at + 1) * _N_SEEDS)
            by_set[name].append(by_ranker(learned, tested, used, seeds))
        found[name] = tested.reciprocal_ranks(by_set[name][0])
    base = found["ranker: words and clicks"]
    for name, ranks in found.items():
        parts = [interval(ranks), interval(ranks[tested.new])]
        if name.startswith("ranker: +"):
            parts += [interval(ranks - base), interval((ranks - base)[tested.new])]
        print(f"{name:30}", *(f"{m:+.4f} [{low:+.4f}, {high:+.4f}]" for m, low, high in parts))
    if asked.sets > 1:
        print(f"means of {asked.sets} sets of seeds, ± half of Student's interval")
        for name, sets in by_set.items():
            of_sets = [tested.reciprocal_ranks(each) for each in sets]
            alone = [each.mean() for each in of_sets], [each[tested.new].mean() for each in of_sets]
            together = tested.reciprocal_ranks(np.mean(sets, axis=0))
            print(f"{name:30}", *map(shown, alone))
            print(f"{'  all averaged':30} {together.mean():.4f} {together[tested.new].mean():.4f}")


if __name__ == "__main__":
    main()
