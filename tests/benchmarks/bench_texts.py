"""Baselines of text tasks on the rows that a recipe splits: TF-IDF, and the frozen encoder.

    python -m tests.benchmarks.bench_texts scoring/recipes/banking77.toml --data DIR

Each has a logistic regression on top, whose strength is chosen by three folds of the training rows,
then fitted to all of them; validation rows of the recipe are training rows here, so that a
baseline has nothing less to learn from. Needs scikit-learn, which sentence-transformers brings.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union

from scoring import load_encoder
from scoring.measures import auc
from scoring.tasks.choice import make_task
from scoring.tasks.contract import Example
from scoring.training.recipe import BinarySettings, ClassificationSettings, Recipe, read_recipe
from scoring.training.rows import Reading
from scoring.training.task_rows import TaskRows, read_task_rows

STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0)


def rows_of(recipe: Recipe, folder: Path) -> dict[str, TaskRows]:
    """The recipe's own rows."""
    return {
        name: read_task_rows(
            name, make_task(settings), settings, recipe, folder, Reading(skip_bad=True)
        )
        for name, settings in recipe.tasks.items()
        if isinstance(settings, ClassificationSettings | BinarySettings)
    }


def words_and_letters() -> Any:
    """One and two words, two to five letters."""
    return make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2),
    )


def fitted(features: Any, rows: Sequence[Example], x: Any, strengths: Sequence[float]) -> Any:
    """Logistic regression, its strength chosen by three folds."""
    regression = LogisticRegression(max_iter=300)
    model = make_pipeline(features, regression) if features is not None else regression
    name = "logisticregression__C" if features is not None else "C"
    targets = [row.target for row in rows]
    if len(strengths) == 1:
        return model.set_params(**{name: strengths[0]}).fit(x, targets)
    binary = isinstance(rows[0].target, float)
    scoring = "roc_auc" if binary else "accuracy"
    search = GridSearchCV(model, {name: list(strengths)}, scoring=scoring, cv=3)
    return search.fit(x, targets)


def measured(model: Any, x: Any, outside: Any, rows: TaskRows) -> dict[str, float]:
    """Accuracy, or AUC; abstention by the largest probability."""
    p = model.predict_proba(x)  # (n, C)
    if isinstance(rows.test[0].target, float):
        return {"auc": auc(p[:, 1], [row.target == 1.0 for row in rows.test])}
    known = np.array([row.target in set(model.classes_) for row in rows.test])
    right = model.classes_[p.argmax(axis=1)] == np.array([row.target for row in rows.test])
    found = {"accuracy": float(right[known].mean())}
    if not known.all():
        found["auroc_unknown"] = auc(p.max(axis=1), known)
    if outside is not None:
        both = np.concatenate([p.max(axis=1)[known], model.predict_proba(outside).max(axis=1)])
        found["auroc_outside"] = auc(both, np.arange(len(both)) < known.sum())
    return found


def main() -> None:
    """Print both baselines of each task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--only", choices=("tf-idf", "frozen"))
    parser.add_argument("--all-rows", action="store_true", help="without the recipe's max_rows")
    parser.add_argument("--strength", type=float, help="fixed, not chosen")
    asked = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    recipe = read_recipe(asked.recipe)
    if asked.seed is not None:
        training = msgspec.structs.replace(recipe.training, seed=asked.seed)
        recipe = msgspec.structs.replace(recipe, training=training)
    if asked.all_rows:
        tasks = {n: msgspec.structs.replace(t, max_rows=None) for n, t in recipe.tasks.items()}
        recipe = msgspec.structs.replace(recipe, tasks=tasks)
    encoder = load_encoder(recipe.backbone.source, threads=1, precision="float32")
    strengths = STRENGTHS if asked.strength is None else (asked.strength,)

    def texts(rows: Sequence[Example]) -> list[str]:
        return [row.texts[0] for row in rows]

    forms: dict[str, tuple[Callable[[], Any] | None, Callable[[list[str]], Any]]] = {
        "tf-idf": (words_and_letters, lambda t: t),
        "frozen": (None, encoder.encode_items),
    }
    for name, rows in rows_of(recipe, asked.data).items():
        learned = [*rows.train, *rows.validation]
        for form, (features, transform) in forms.items():
            if asked.only not in (None, form):
                continue
            begun_s = time.monotonic()
            x = transform(texts(learned))
            model = fitted(features() if features else None, learned, x, strengths)
            outside = transform(texts(rows.outside)) if rows.outside else None
            found = measured(model, transform(texts(rows.test)), outside, rows)
            chosen = getattr(model, "best_params_", {"C": strengths[0]})
            said = {measure: round(value, 4) for measure, value in found.items()}
            print(name, form, said, chosen, f"{time.monotonic() - begun_s:.0f} s", flush=True)


if __name__ == "__main__":
    main()
