r"""Baselines of relevance on the rows that a recipe splits, and what a merge of all forms reaches.

    python -m tests.benchmarks.bench_relevance scoring/recipes/home-depot.toml --data DIR \
        --model models/home-depot --cross models/home-depot-cross

Letters: cosine of TF-IDF. Frozen: cosine of the encoder as it comes. Trees: boosted on nine facts
of word overlap, their size chosen by three folds of queries. Merged: ridge regression of the ranks
of all of them (of `--model`'s cosine and `--cross`'s grades, too), fitted to the recipe's
validation rows, since the models have learned from the others. Intervals (95 %) are of 1,000
bootstrap samples of the tested queries, with all of their pairs; those over seeds, where there are
several folders, of Student's t.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV, GroupKFold

from scoring import load_encoder, load_reranker
from scoring.measures import mean_within, ranks, spearman
from scoring.tasks.choice import make_task
from scoring.tasks.contract import Example
from scoring.training.recipe import RelevanceSettings, read_recipe
from scoring.training.rows import Reading
from scoring.training.task_rows import TaskRows, read_task_rows
from tests.benchmarks.over_seeds import shown
from tests.benchmarks.resampling import bounds_by_group

Scores = NDArray[np.float64]
Scorer = Callable[[Sequence[Example]], Scores]
SIZES = {"max_leaf_nodes": [7, 15, 31], "learning_rate": [0.03, 0.1], "max_iter": [100, 300]}


def by_letters(rows: TaskRows) -> Scorer:
    """Cosine of TF-IDF of two to five letters."""
    tfidf = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2)
    tfidf.fit(text for row in rows.train for text in row.texts)

    def scores(asked: Sequence[Example]) -> Scores:
        queries, titles = (tfidf.transform([row.texts[i] for row in asked]) for i in (0, 1))
        return np.asarray(queries.multiply(titles).sum(axis=1)).ravel()

    return scores


def by_encoder(source: str | Path | None) -> Scorer:
    """Cosine of an encoder."""
    encoder = load_encoder(source, threads=1, precision="auto")

    def scores(asked: Sequence[Example]) -> Scores:
        queries = encoder.encode_items([row.texts[0] for row in asked])
        titles = encoder.encode_items([row.texts[1] for row in asked])
        return np.asarray((queries * titles).sum(axis=1), dtype=np.float64)

    return scores


def by_cross(folder: Path) -> Scorer:
    """Grades of a cross-encoder."""
    reranker = load_reranker(folder, threads=1)

    def scores(asked: Sequence[Example]) -> Scores:
        of_query: dict[str, list[int]] = {}
        for place, row in enumerate(asked):
            of_query.setdefault(row.texts[0], []).append(place)
        found = np.empty(len(asked))
        for query, places in of_query.items():
            found[places] = reranker.scores(query, [asked[place].texts[1] for place in places])
        return found

    return scores


def overlap(row: Example) -> list[float]:
    """Nine facts of the words that query and title share."""
    query, title = (text.casefold().split() for text in row.texts)
    shared = [word for word in query if word in title]
    stems = [word for word in query if any(other.startswith(word[:4]) for other in title)]
    return [
        len(query),
        len(title),
        len(shared),
        len(shared) / max(len(query), 1),
        len(stems) / max(len(query), 1),
        float(bool(query) and query[-1] in title),
        float(bool(query) and query[0] in title),
        float(" ".join(query) in " ".join(title)),
        SequenceMatcher(None, " ".join(query), " ".join(title)).ratio(),
    ]


def by_trees(rows: TaskRows) -> Scorer:
    """Boosted trees on `overlap`; a query is in one fold only."""
    trees = GridSearchCV(
        HistGradientBoostingRegressor(random_state=0), SIZES, cv=GroupKFold(3), n_jobs=1
    )
    x = np.array([overlap(row) for row in rows.train])
    queries = [row.texts[0] for row in rows.train]
    trees.fit(x, _grades(rows.train), groups=queries)
    return lambda asked: np.asarray(trees.predict(np.array([overlap(row) for row in asked])))


def merged(learned: Sequence[Scores], grades: Scores, asked: Sequence[Scores]) -> Scores:
    """Ranks within each set of rows, weighted by ridge regression."""
    ridge = RidgeCV(np.logspace(-3, 3, 7)).fit(_ranks(learned), grades)
    return np.asarray(ridge.predict(_ranks(asked)))


def _ranks(scores: Sequence[Scores]) -> Scores:
    return np.stack([ranks(each) / len(each) for each in scores], axis=1)


def _grades(rows: Sequence[Example]) -> Scores:
    return np.array([float(row.target or 0.0) for row in rows])


def main() -> None:
    """Print Spearman's ρ of all pairs and within queries for each form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--model", type=Path, nargs="*", default=[], help="what the recipe has trained, by seed"
    )
    parser.add_argument(
        "--cross",
        type=Path,
        nargs="*",
        default=[],
        help="cross-encoders of the same split, by seed",
    )
    asked = parser.parse_args()
    if asked.model and asked.cross and len(asked.model) != len(asked.cross):
        parser.error("--model and --cross need as many folders: they are merged two by two")
    recipe = read_recipe(asked.recipe)
    for name, settings in recipe.tasks.items():
        if not isinstance(settings, RelevanceSettings):
            continue
        rows = read_task_rows(
            name, make_task(settings), settings, recipe, asked.data, Reading(skip_bad=True)
        )
        judged = Judged(rows)
        judged.add("letters", lambda rows=rows: by_letters(rows))  # type: ignore[misc]
        judged.add("frozen", lambda: by_encoder(recipe.backbone.source))
        judged.add("trees", lambda rows=rows: by_trees(rows))  # type: ignore[misc]
        words = ["letters", "frozen", "trees"]
        judged.merge("merged, no model", words)
        for seed in range(max(len(asked.model), len(asked.cross))):
            learned = []
            if asked.model:
                judged.add("model", lambda seed=seed: by_encoder(asked.model[seed]))  # type: ignore[misc]
                learned.append("model")
            if asked.cross:
                judged.add("cross", lambda seed=seed: by_cross(asked.cross[seed]))  # type: ignore[misc]
                learned.append("cross")
            judged.merge("merged", [*words, *learned])
            if len(learned) > 1:
                judged.merge("merged, no cross", [*words, "model"])
                judged.merge("model and cross", learned)
        judged.say_seeds()


class Judged:
    """Scores of each form, and what was said of them."""

    def __init__(self, rows: TaskRows) -> None:
        self._rows = rows
        self._tested: dict[str, Scores] = {}
        self._held: dict[str, Scores] = {}
        self._said: dict[str, list[tuple[float, float]]] = {}

    def add(self, form: str, make: Callable[[], Scorer]) -> None:
        """Score the rows by a form; one of the same name is replaced."""
        begun_s = time.monotonic()
        scorer = make()
        self._tested[form] = scorer(self._rows.test)
        self._held[form] = scorer(self._rows.validation)
        self._say(form, self._tested[form], time.monotonic() - begun_s)

    def merge(self, what: str, forms: Sequence[str]) -> None:
        """Several forms together, by what the validation rows say."""
        score = merged(
            [self._held[form] for form in forms],
            _grades(self._rows.validation),
            [self._tested[form] for form in forms],
        )
        self._say(what, score, 0.0)

    def say_seeds(self) -> None:
        """Mean and interval over seeds of each form that has several."""
        for form, said in self._said.items():
            if len(said) > 1:
                pairs, within = (shown(values) for values in zip(*said, strict=True))
                print(f"{form:18} {len(said)} seeds: {pairs}, within queries {within}")

    def _say(self, form: str, scores: Scores, seconds: float) -> None:
        grades = _grades(self._rows.test)
        within = mean_within([row.texts[0] for row in self._rows.test], scores, grades)
        pairs = spearman(scores, grades)
        self._said.setdefault(form, []).append((pairs, within))
        low, high = interval(scores, self._rows.test)
        print(
            f"{form:18} {pairs:.4f} [{low:.4f}, {high:.4f}] {within:.4f} {seconds:6.0f} s",
            flush=True,
        )


def interval(scores: Scores, rows: Sequence[Example]) -> tuple[float, float]:
    """95 % bounds of Spearman's ρ, by resampling queries: pairs of one query belong together."""
    grades = _grades(rows)
    return bounds_by_group(
        lambda some: spearman(scores[some], grades[some]), [row.texts[0] for row in rows]
    )


if __name__ == "__main__":
    main()
