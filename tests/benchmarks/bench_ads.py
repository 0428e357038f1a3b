"""Conversions of ad clicks: `rillstream train` against boosted trees on the same causal features.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_ads --data train_sample.parquet

The last fifth by time is the test. Settings of all are chosen by log loss, from 24 each, on the
last three fifths of the rest, each learned from what came before it; then all of the rest is
learned, with five seeds whose log odds are averaged.
Intervals are of 2,000 bootstrap samples of the test's clicks, differences are paired.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scoring.behaviour.recipe import (
    BehaviourRecipe,
    BinarySettings,
    NumberSettings,
    SharingSettings,
)
from scoring.behaviour.rows import BehaviourRows
from scoring.behaviour.tasks.choice import make_tasks
from scoring.behaviour.training import BehaviourTraining, every_logit, examples, recipe_balancer
from scoring.measures import calibration_gap
from scoring.training.loop import fit
from scoring.training.settings import LoopSettings
from tests.benchmarks.ad_clicks import AdClicks, read_ad_clicks

_SEEDS: Final = 5
_BATCH: Final = 1024
_RESAMPLES: Final = 2000

Floats = NDArray[np.float64]
Part = tuple[NDArray[np.float32], NDArray[np.float32]]  # features (n, D), converted (n,)
Fit = Callable[[Part, NDArray[np.float32], int], Floats]  # train, features, seed -> chances


def _behaviour(hidden: int, rate: float, decay: float, epochs: int) -> Fit:
    """The recipe kind "behaviour": numbers, hard sharing of one task, a linear part beside it."""

    def run(train: Part, features: NDArray[np.float32], seed: int) -> Floats:
        recipe = BehaviourRecipe(
            kind="behaviour",
            name="ads",
            train=[],
            validation=0.0,
            features={f"x{place}": NumberSettings() for place in range(features.shape[1])},
            tasks={"converted": BinarySettings()},
            sharing=SharingSettings(
                hidden=(hidden,) if hidden else (), tower=(8,) if hidden else (), dropout=0.0
            ),
            batch_size=_BATCH,
            training=LoopSettings(
                epochs=epochs, learning_rate=rate, weight_decay=decay, decay="cosine", seed=seed
            ),
        )
        tasks = make_tasks(recipe.tasks)
        torch.manual_seed(seed)
        rows = _rows(*train)
        training = BehaviourTraining(recipe, tasks, rows, rows.part(np.empty(0, np.int64)))
        fit(training, recipe.training, recipe_balancer(recipe))
        asked = examples(recipe, training.encoding, {}, _rows(features, features[:, 0]))
        logits = every_logit(training.module, asked.inputs)["converted"]
        found: Floats = logits.double().sigmoid().numpy()
        return found

    return run


def _rows(features: NDArray[np.float32], converted: NDArray[np.float32]) -> BehaviourRows:
    return BehaviourRows(
        {f"x{place}": column for place, column in enumerate(features.T)},
        {"converted": converted[:, None]},
        np.full(len(features), "", object),
        np.zeros(len(features)),
    )


def _sklearn(make: Callable[[int], Any]) -> Fit:
    def run(train: Part, features: NDArray[np.float32], seed: int) -> Floats:
        found: Floats = make(seed).fit(*train).predict_proba(features)[:, 1]
        return found

    return run


def _trees(rate: float, leaves: int, l2: float, rounds: int) -> Fit:
    return _sklearn(
        lambda seed: HistGradientBoostingClassifier(
            learning_rate=rate,
            max_leaf_nodes=leaves,
            l2_regularization=l2,
            max_iter=rounds,
            max_features=0.5,
            early_stopping=False,
            random_state=seed,
        )
    )


def _logistic(c: float) -> Fit:
    return _sklearn(
        lambda _: make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=2000))
    )


_GRIDS: Final[dict[str, dict[str, Fit]]] = {
    "logistic regression": {f"C {c:g}": _logistic(c) for c in np.logspace(-5, 1, 24)},
    "boosted trees": {
        f"rate {r}, {leaves} leaves, l2 {l2:g}, {n} rounds": _trees(r, leaves, l2, n)
        for r, leaves, l2, n in product((0.03, 0.1), (4, 8), (1.0, 30.0), (50, 100, 200))
    },
    "wide and deep, rillstream train": {
        f"hidden {h or 'none'}, rate {r:g}, decay {d:g}, {e} epochs": _behaviour(h, r, d, e)
        for h, r, d, e in product((0, 8, 32), (1e-3, 3e-3), (0.1, 1.0), (5, 10))
    },
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One model on the test; `areas` are (2000,) AUCs of bootstrap samples."""

    setting: str
    area: float
    areas: Floats
    loss: float
    gap: float
    expected: float


def auc(chances: Floats, labels: NDArray[np.float32]) -> float:
    """By ranks; quicker than sklearn's, and bootstrap samples are many."""
    ranks = rankdata(chances)
    n_yes = labels.sum()
    above = ranks[labels > 0].sum() - n_yes * (n_yes + 1) / 2
    return float(above / n_yes / (len(labels) - n_yes))


class Tried:
    """Losses of settings, kept in a file of JSON Lines: what is there is not learned again."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        lines = path.read_text().splitlines() if path is not None and path.exists() else []
        self._known: dict[str, float] = dict(map(json.loads, lines))

    def loss(self, setting: str, compute: Callable[[], float]) -> float:
        """From the file, or computed now."""
        if setting not in self._known:
            self._known[setting] = compute()
            if self._path is not None:
                with self._path.open("a") as file:
                    file.write(json.dumps([setting, self._known[setting]]) + "\n")
        return self._known[setting]


def judge(
    clicks: AdClicks, grid: dict[str, Fit], samples: list[NDArray[np.int64]], tried: Tried
) -> Judged:
    """Choose within the training part, forwards in time, learn all of it, ask about the test."""
    n = clicks.n_train
    x, y = clicks.features, clicks.converted
    edges = [round(share * n) for share in (0.4, 0.6, 0.8, 1.0)]

    def learned(setting: str) -> float:
        chances = [
            grid[setting]((x[:start], y[:start]), x[start:end], 100)
            for start, end in pairwise(edges)
        ]
        return float(log_loss(y[edges[0] : n], np.concatenate(chances)))

    setting = min(grid, key=lambda each: tried.loss(each, lambda: learned(each)))
    odds = [logit(grid[setting]((x[:n], y[:n]), x[n:], seed)) for seed in range(_SEEDS)]
    chances = expit(np.mean(odds, axis=0))
    labels = y[n:]
    return Judged(
        setting,
        float(roc_auc_score(labels, chances)),
        np.array([auc(chances[sample], labels[sample]) for sample in samples]),
        float(log_loss(labels, chances)),
        calibration_gap(chances, labels),
        float(chances.sum()),
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--results", type=Path, help="settings that were tried; gets new ones")
    options = parser.parse_args()
    tried = Tried(options.results)
    torch.set_num_threads(1)
    clicks = read_ad_clicks(options.data)
    labels = clicks.converted[clicks.n_train :]
    rng = np.random.default_rng(0)
    samples = [rng.integers(0, len(labels), len(labels)) for _ in range(_RESAMPLES)]
    n_sold = clicks.converted[: clicks.n_train].sum()
    print(
        f"{clicks.n_train:,} clicks, {n_sold:.0f} converted; "
        f"then {len(labels):,}, {labels.sum():.0f} converted"
    )
    print("| model | AUC | 95 % | − boosted trees | log loss | ECE | expected | setting |")
    print("|---|---|---|---|---|---|---|---|")
    base = judge(clicks, _GRIDS["boosted trees"], samples, tried)
    for name, grid in _GRIDS.items():
        found = base if name == "boosted trees" else judge(clicks, grid, samples, tried)
        low, high = np.quantile(found.areas, [0.025, 0.975])
        worse, better = np.quantile(found.areas - base.areas, [0.025, 0.975])
        print(
            f"| {name} | {found.area:.4f} | {low:.3f} – {high:.3f} "
            f"| {found.area - base.area:+.4f} ({worse:+.3f} – {better:+.3f}) "
            f"| {found.loss:.5f} | {found.gap:.5f} | {found.expected:.1f} of {labels.sum():.0f} "
            f"| {found.setting} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
