"""Forms of sharing, balancers and switches on the census, beside single-task twins and trees.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_sharing --data DIR --results runs.jsonl

DIR holds UCI Adult (`adult.data`, `adult.test`, or both as .zst). Every row has the same number of
parameters, a learning rate of its own (the best of three on what was held out, another seed) and
five seeds; ± is half a 95 % interval of Student's t over seeds, and differences are paired by seed.
The trees have the best of 24 settings by the same held-out part. Runs are kept in the results
file: a run that is there is not repeated, so `--minutes` may end it and the same command goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score

from scoring.balancing import BALANCERS
from scoring.sharing import SHARINGS
from tests.benchmarks.census import TASKS, Census, Rows, read_census
from tests.benchmarks.census_training import Outcome, Recipe, train
from tests.benchmarks.kept_runs import KeptRuns
from tests.benchmarks.over_seeds import shown

_RATES = (3e-3, 6e-3, 1.2e-2)
_TUNING_SEED = 100
_SEEDS = (0, 1, 2, 3, 4)
_PLAIN = Recipe(TASKS)
_SWITCHES: dict[str, Recipe] = {
    "as in the first table": _PLAIN,
    "dropout 0": replace(_PLAIN, dropout=0.0),
    "dropout 0.3": replace(_PLAIN, dropout=0.3),
    "weight decay 0": replace(_PLAIN, decay=0.0),
    "weight decay 0.1": replace(_PLAIN, decay=0.1),
    "λ = 0.0001": replace(_PLAIN, l2_shared=1e-4),
    "λ = 0.001": replace(_PLAIN, l2_shared=1e-3),
    "no early stopping": replace(_PLAIN, patience=0),
    "FGM, ε = 0.05": replace(_PLAIN, fgm=0.05),
    "FGM, ε = 0.2": replace(_PLAIN, fgm=0.2),
}


class Runs:
    """Runs by recipe and seed, kept in a file of JSON Lines."""

    def __init__(self, census: Census, path: Path | None, minutes: float) -> None:
        self._census = census
        self._kept = KeptRuns(Outcome, path, minutes)

    def of(self, recipe: Recipe, seed: int) -> Outcome:
        """From the file, or trained now."""
        return self._kept.of(asdict(recipe), seed, lambda: train(self._census, recipe, seed, TASKS))

    def tuned(self, recipe: Recipe) -> tuple[float, list[Outcome]]:
        """The best learning rate, and a run a seed with it."""
        tried = [replace(recipe, rate=rate) for rate in _RATES]
        best = min(tried, key=lambda each: self.of(each, _TUNING_SEED).valid)
        return best.rate, [self.of(best, seed) for seed in _SEEDS]


def twins(runs: Runs) -> list[Outcome]:
    """A model for each task, each with all of the parameters; one row, as if they were one."""
    tuned = [runs.tuned(replace(_PLAIN, tasks=(task,))) for task in TASKS]
    joined = []
    for each in zip(*(outcomes for _, outcomes in tuned), strict=True):
        joined.append(
            Outcome(
                valid=sum(one.valid for one in each),
                losses={task: one.losses[task] for task, one in zip(TASKS, each, strict=True)},
                areas={task: one.areas[task] for task, one in zip(TASKS, each, strict=True)},
                n_parameters=sum(one.n_parameters for one in each),
                cpu_s=sum(one.cpu_s for one in each),
            )
        )
    return joined


def _row(name: str, rate: str, outcomes: Sequence[Outcome], base: Sequence[Outcome]) -> str:
    cells = [name, rate, f"{outcomes[0].n_parameters:,}"]
    for task in TASKS:
        cells.append(shown([each.areas[task] for each in outcomes]))
    for task in TASKS:
        differences = [
            each.losses[task] - other.losses[task]
            for each, other in zip(outcomes, base, strict=True)
        ]
        cells.append(shown(differences, "+"))
    cells.append(shown([sum(each.losses.values()) for each in outcomes]))
    cells.append(f"{np.mean([each.cpu_s for each in outcomes]):.1f}")
    return "| " + " | ".join(cells) + " |"


_HEAD = (
    "| | rate | parameters | income AUC | never married AUC | income loss − {0} "
    "| never married loss − {0} | sum of log losses | CPU s |\n" + "|---" * 9 + "|"
)


def forms(runs: Runs) -> Iterator[str]:
    """Every form with every balancer."""
    base = twins(runs)
    yield _HEAD.format("twin")
    yield _row("single-task twins", "–", base, base)
    for sharing, balancer in product(SHARINGS, BALANCERS):
        rate, outcomes = runs.tuned(replace(_PLAIN, sharing=sharing, balancer=balancer))
        yield _row(f"{sharing}, {balancer}", f"{rate:g}", outcomes, base)


def switches(runs: Runs) -> Iterator[str]:
    """Hard sharing and fixed weights, with one thing changed."""
    base = runs.tuned(_PLAIN)[1]
    yield _HEAD.format("first row")
    for name, recipe in _SWITCHES.items():
        rate, outcomes = runs.tuned(recipe)
        yield _row(name, f"{rate:g}", outcomes, base)


def trees(census: Census) -> Iterator[str]:
    """HistGradientBoosting, a model a task."""

    def inputs(rows: Rows) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        return np.concatenate([rows.codes, rows.numbers], axis=1).astype(np.float64)

    yield "| boosted trees | setting | AUC | log loss |\n|---|---|---|---|"
    categories = [True] * census.train.codes.shape[1] + [False] * census.train.numbers.shape[1]
    grid = list(product((0.03, 0.1), (15, 31), (0.0, 1.0), (100, 200, 400)))
    for column, task in enumerate(TASKS):
        best = None
        for rate, leaves, l2, rounds in grid:
            model = HistGradientBoostingClassifier(
                learning_rate=rate,
                max_leaf_nodes=leaves,
                l2_regularization=l2,
                max_iter=rounds,
                categorical_features=categories,
                early_stopping=False,
                random_state=0,
            ).fit(inputs(census.train), census.train.labels[:, column])
            chances = model.predict_proba(inputs(census.valid))[:, 1]
            loss = log_loss(census.valid.labels[:, column], chances)
            if best is None or loss < best[0]:
                said = f"rate {rate}, {leaves} leaves, l2 {l2:g}, {rounds} rounds"
                best = (loss, model, said)
        assert best is not None
        labels = census.test.labels[:, column]
        chances = best[1].predict_proba(inputs(census.test))[:, 1]
        area, loss = roc_auc_score(labels, chances), log_loss(labels, chances)
        yield f"| {task} | {best[2]} | {area:.4f} | {loss:.4f} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--results", type=Path, help="runs that are done; gets the new ones")
    parser.add_argument("--minutes", type=float, default=1e9, help="no run begins later")
    parser.add_argument("--table", choices=("forms", "switches", "trees"), action="append")
    options = parser.parse_args()
    torch.set_num_threads(1)
    census = read_census(options.data)
    runs = Runs(census, options.results, options.minutes)
    tables = {
        "forms": lambda: forms(runs),
        "switches": lambda: switches(runs),
        "trees": lambda: trees(census),
    }
    for name in options.table or tables:
        for line in tables[name]():
            print(line, flush=True)
        print(flush=True)


if __name__ == "__main__":
    main()
