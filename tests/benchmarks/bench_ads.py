"""Conversions of ad clicks: `rillstream train` against boosted trees on the same causal features.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_ads --data train_sample.parquet
    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_ads --data train_sample.parquet --table ids

The last fifth by time is the test. Settings of all are chosen by log loss, from 24 each (`ids`: 8),
on the last three fifths of the rest, each learned from what came before it, with two seeds (`ids`:
one); then all of the rest is learned, with five. `ids` are app, channel, os, device and the pair of
the first two as they are. Chances of seeds are averaged: averaged log odds expect too little.
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
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder

from scoring.behaviour.recipe import (
    BehaviourRecipe,
    BinarySettings,
    CategorySettings,
    Feature,
    NumberSettings,
    RateSettings,
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
_BATCH: Final = 4096
_RESAMPLES: Final = 2000
_NUMBER: Final = NumberSettings()

Floats = NDArray[np.float64]
Features = NDArray[Any]  # (n, D) float32, or words
Part = tuple[Features, NDArray[np.float32]]  # features, converted (n,)
Fit = Callable[[Part, Features, int], Floats]  # train, features, seed -> chances


def _behaviour(
    hidden: int, rate: float, decay: float, epochs: int, feature: Feature = _NUMBER
) -> Fit:
    """The recipe kind "behaviour": hard sharing of one task, a linear part beside it."""

    def run(train: Part, features: Features, seed: int) -> Floats:
        recipe = BehaviourRecipe(
            kind="behaviour",
            name="ads",
            train=[],
            validation=0.0,
            features={f"x{place}": feature for place in range(features.shape[1])},
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
        nothing = np.zeros(len(features), np.float32)
        asked = examples(recipe, training.encoding, {}, _rows(features, nothing))
        logits = every_logit(training.module, asked.inputs)["converted"]
        found: Floats = logits.double().sigmoid().numpy()
        return found

    return run


def _rows(features: Features, converted: NDArray[np.float32]) -> BehaviourRows:
    return BehaviourRows(
        {f"x{place}": column for place, column in enumerate(features.T)},
        {"converted": converted[:, None]},
        np.full(len(features), "", object),
        np.zeros(len(features)),
    )


def _sklearn(make: Callable[[int], Any]) -> Fit:
    def run(train: Part, features: Features, seed: int) -> Floats:
        found: Floats = make(seed).fit(*train).predict_proba(features)[:, 1]
        return found

    return run


def _trees(rate: float, leaves: int, l2: float, rounds: int, *encoders: Any) -> Fit:
    return _sklearn(
        lambda seed: make_pipeline(
            *map(clone, encoders),
            HistGradientBoostingClassifier(
                learning_rate=rate,
                max_leaf_nodes=leaves,
                l2_regularization=l2,
                max_iter=rounds,
                max_features=0.5,
                early_stopping=False,
                random_state=seed,
            ),
        )
    )


def _logistic(c: float) -> Fit:
    return _sklearn(
        lambda _: make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=2000))
    )


def _constant(train: Part, features: Features, seed: int) -> Floats:
    return np.full(len(features), train[1].mean(dtype=np.float64))


_GRIDS: Final[dict[str, dict[str, Fit]]] = {
    "constant rate": {"that of the rest": _constant},
    "logistic regression": {f"C {c:g}": _logistic(c) for c in np.logspace(-5, 1, 24)},
    "boosted trees": {
        f"rate {r}, {leaves} leaves, l2 {l2:g}, {n} rounds": _trees(r, leaves, l2, n)
        for r, leaves, l2, n in product((0.05, 0.1), (4, 8), (1.0, 30.0), (25, 50, 100))
    },
    "wide and deep, rillstream train": {
        f"hidden {h or 'none'}, rate {r:g}, decay {d:g}, {e} epochs": _behaviour(h, r, d, e)
        for h, r, d, e in product((0, 8, 32), (3e-3, 1e-2), (0.3, 1.0), (10, 20))
    },
}


_ID_GRIDS: Final[dict[str, dict[str, Fit]]] = {
    "constant rate": _GRIDS["constant rate"],
    "boosted trees": {
        f"encoded, rate {r}, {leaves} leaves, l2 1, {n} rounds": _trees(
            r, leaves, 1.0, n, TargetEncoder(target_type="binary", random_state=0)
        )
        for r, leaves, n in product((0.05, 0.1), (4, 8), (50, 100))
    },
    "ids as categories": {
        f"categories of 2, hidden {h}, rate 0.01, decay {d:g}, {e} epochs": _behaviour(
            h, 1e-2, d, e, CategorySettings(width=2)
        )
        for h, d, e in product((8, 32), (1.0, 3.0), (10, 20))
    },
    "ids as rates": {
        f"rates, hidden {h}, rate 0.01, decay {d:g}, {e} epochs": _behaviour(
            h, 1e-2, d, e, RateSettings(of="converted")
        )
        for h, d, e in product((8, 32), (0.3, 1.0), (10, 20))
    },
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One model on the test.

    Attributes:
        setting: That was chosen.
        expected: Conversions.
        found: Measure -> its value.
        sampled: Measure -> (2000,) its values on bootstrap samples.
    """

    setting: str
    expected: float
    found: dict[str, float]
    sampled: dict[str, Floats]


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
    x: Features,
    clicks: AdClicks,
    grid: dict[str, Fit],
    n_seeds: int,
    samples: list[NDArray[np.int64]],
    tried: Tried,
) -> Judged:
    """Choose within the training part, forwards in time, learn all of it, ask about the test."""
    n, y = clicks.n_train, clicks.converted
    edges = [round(share * n) for share in (0.4, 0.6, 0.8, 1.0)]

    def asked(setting: str, start: int, end: int, seeds: range) -> Floats:
        fit = grid[setting]
        found: Floats = np.mean([fit((x[:start], y[:start]), x[start:end], s) for s in seeds], 0)
        return found

    def learned(setting: str) -> float:
        seeds = range(100, 100 + n_seeds)
        chances = [asked(setting, start, end, seeds) for start, end in pairwise(edges)]
        return float(log_loss(y[edges[0] : n], np.concatenate(chances)))

    setting = min(grid, key=lambda each: tried.loss(each, lambda: learned(each)))
    chances = asked(setting, n, len(y), range(_SEEDS))
    sampled = [measures(chances[sample], y[n:][sample]) for sample in samples]
    return Judged(
        setting,
        float(chances.sum()),
        measures(chances, y[n:]),
        {name: np.array([each[name] for each in sampled]) for name in sampled[0]},
    )


def measures(chances: Floats, labels: NDArray[np.float32]) -> dict[str, float]:
    """AUC, log loss and ECE; that of a constant has one bin."""
    losses = -np.log(np.where(labels > 0, chances, 1 - chances))
    n_bins = 15 if np.ptp(chances) else 1
    return {
        "AUC": auc(chances, labels),
        "log loss": float(losses.mean()),
        "ECE": calibration_gap(chances, labels, n_bins),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--table", choices=["features", "ids"], default="features")
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
    print("| model | measure | | − constant rate | − boosted trees | expected | setting |")
    print("|---|---|---|---|---|---|---|")
    ids = options.table == "ids"
    x, grids, n_seeds = (clicks.words, _ID_GRIDS, 1) if ids else (clicks.features, _GRIDS, 2)
    judged = {name: judge(x, clicks, grid, n_seeds, samples, tried) for name, grid in grids.items()}
    for name, own in judged.items():
        for measure, value in own.found.items():
            differences = []
            for other in ("constant rate", "boosted trees"):
                low, high = np.quantile(
                    own.sampled[measure] - judged[other].sampled[measure], [0.025, 0.975]
                )
                difference = value - judged[other].found[measure]
                differences.append(f"{difference:+.5f} ({low:+.5f} – {high:+.5f})")
            print(
                f"| {name} | {measure} | {value:.5f} | {' | '.join(differences)} "
                f"| {own.expected:.1f} of {labels.sum():.0f} | {own.setting} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
