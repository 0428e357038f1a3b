"""Baselines of text tasks on the rows that a recipe splits: TF-IDF, and the frozen encoder.

    python -m tests.benchmarks.bench_texts scoring/recipes/banking77.toml --data DIR

Each has a logistic regression on top, whose strength is chosen by three folds of the training rows,
then fitted to all of them; validation rows of the recipe are training rows here, so that a
baseline has nothing less to learn from. With `--model`, a folder that the recipe has trained, they
are not: they choose how much each baseline weighs beside the model, by their log loss, and what
both say together is measured. Needs scikit-learn, which sentence-transformers brings.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union

from scoring import load_encoder
from scoring.measures import auc
from scoring.saved.folder import load_model
from scoring.tasks.choice import make_task
from scoring.tasks.contract import Example
from scoring.training.recipe import BinarySettings, ClassificationSettings, Recipe, read_recipe
from scoring.training.rows import Reading, read_examples
from scoring.training.seeded import seeded
from scoring.training.task_rows import TaskRows, read_task_rows

Chances = NDArray[np.float64]
"""(n, C) probabilities."""

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


def measured(
    p: Chances, labels: Sequence[object], p_outside: Chances | None, rows: TaskRows
) -> dict[str, float]:
    """(n, C) probabilities -> accuracy, or AUC; abstention by the largest probability."""
    if isinstance(rows.test[0].target, float):
        return {"auc": auc(p[:, 1], [row.target == 1.0 for row in rows.test])}
    known = np.array([row.target in set(labels) for row in rows.test])
    right = np.array(labels)[p.argmax(axis=1)] == np.array([row.target for row in rows.test])
    found = {"accuracy": float(right[known].mean())}
    if not known.all():
        found["auroc_unknown"] = auc(p.max(axis=1), known)
    if p_outside is not None:
        both = np.concatenate([p.max(axis=1)[known], p_outside.max(axis=1)])
        found["auroc_outside"] = auc(both, np.arange(len(both)) < known.sum())
    return found


def by_model(folder: Path, name: str) -> Callable[[Sequence[Example]], Chances]:
    """Calibrated probabilities of a trained head, classes in the order of the alphabet."""
    model = load_model(folder)[1]
    head: Any = model.heads[name]

    def chances(rows: Sequence[Example]) -> Chances:
        with torch.no_grad():
            logits = head(model.vectors(name, rows)[0]) / head.temperature
        if logits.dim() == 1:
            logits = torch.stack([torch.zeros_like(logits), logits], dim=1)
        return np.asarray(logits.double().softmax(dim=1))

    return chances


def fused(first: Chances, second: Chances, weight: float) -> Chances:
    """Weighted mean of log probabilities, normalised: a weight of 1 is the first alone."""
    logs = weight * np.log(first.clip(1e-9)) + (1 - weight) * np.log(second.clip(1e-9))
    p = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def best_weight(
    first: Chances, second: Chances, labels: Sequence[object], rows: Sequence[Example]
) -> float:
    """The weight of the first with the least log loss on these rows, in steps of 0.1."""
    places = [list(labels).index(row.target) for row in rows]

    def loss(weight: float) -> float:
        return float(-np.log(fused(first, second, weight)[range(len(rows)), places]).mean())

    return min((step / 10 for step in range(11)), key=loss)


def main() -> None:
    """Print both baselines of each task, perhaps beside a model and together with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--only", choices=("tf-idf", "frozen"))
    parser.add_argument("--all-rows", action="store_true", help="without the recipe's max_rows")
    parser.add_argument("--strength", type=float, help="fixed, not chosen")
    parser.add_argument("--model", type=Path, help="a folder that the recipe has trained")
    parser.add_argument(
        "--elsewhere", type=Path, nargs="+", help="files to test with, instead of the recipe's rows"
    )
    asked = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    recipe = seeded(read_recipe(asked.recipe), asked.seed)
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
        settings = recipe.tasks[name]
        sets = {name: rows}
        if asked.elsewhere:
            sets = {
                f"{name} {file.stem}": replace(
                    rows,
                    test=tuple(
                        read_examples(
                            [file], settings.columns, make_task(settings).example, Reading(True)
                        )
                    ),
                    outside=(),
                )
                for file in asked.elsewhere
            }
        learned = rows.train if asked.model else [*rows.train, *rows.validation]
        chances = by_model(asked.model, name) if asked.model else None
        for form, (features, transform) in forms.items():
            if asked.only not in (None, form):
                continue
            begun_s = time.monotonic()
            x = transform(texts(learned))
            model = fitted(features() if features else None, learned, x, strengths)
            labels = list(model.classes_)
            chosen = getattr(model, "best_params_", {"C": strengths[0]})
            weight = 0.0
            if chances is not None:
                held = model.predict_proba(transform(texts(rows.validation)))
                weight = best_weight(chances(rows.validation), held, labels, rows.validation)
            for where, own in sets.items():
                p = model.predict_proba(transform(texts(own.test)))
                p_outside = (
                    model.predict_proba(transform(texts(own.outside))) if own.outside else None
                )
                passed_s = time.monotonic() - begun_s
                say(where, form, measured(p, labels, p_outside, own), f"{chosen} {passed_s:.0f} s")
                if chances is not None:
                    ours = chances(own.test)
                    both = measured(fused(ours, p, weight), labels, None, own)
                    say(where, "model", measured(ours, labels, None, own), "")
                    say(where, f"model and {form}", both, f"weight of the model {weight:.1f}")


def say(task: str, form: str, found: dict[str, float], how: str) -> None:
    """One line of the table."""
    print(task, form, {name: round(value, 4) for name, value in found.items()}, how, flush=True)


if __name__ == "__main__":
    main()
