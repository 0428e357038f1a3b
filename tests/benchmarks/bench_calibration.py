"""Chances of a click and of engagement on the newest fifth of a closed loop's log. Simulated.

    rillstream broker
    rillstream simulate --closed-loop --broker 127.0.0.1:9092 --duration 900 --users 500 --out loop
    RILLSTREAM_TOPIC_PREFIX=loop-... rillstream export --window 20 --format jsonl --out log
    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_calibration
        --recipe loop/rounds/1/ranker.toml --log log/joined.jsonl

Shown rows by the time of their lists: three fifths teach and the next one chooses settings, by log
loss; then all four teach, with three seeds, and the newest fifth is asked. Heads, as `rillstream
train` with kind "ranker" teaches and calibrates them, and boosted trees read the same columns;
heads know items by their codes besides, and so some of the trees are told what each item's shown
rows say (cross-fitted). Trees are asked as they are and calibrated on the newest tenth, as heads
are; differences are from those that lose least on the rows asked, without what items say. The
online learner goes on, a round a minute, from heads of two fifths or of all four: each row is asked
of the heads before its round. Measures are means over seeds; intervals are over users (delta
method), differences paired. ECE: 15 bins with equally many rows.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from scoring.by_user import mean_by_user
from scoring.joined_log import JoinedLog
from scoring.joined_log_file import read_joined_log
from scoring.measures import auc, calibration_gap
from scoring.online.examples import examples_of, targets_of
from scoring.online.learner import OnlineLearner
from scoring.online.prequential import log_losses
from scoring.online.settings import OnlineSettings
from scoring.ranker.calibrating import platt
from scoring.ranker.heads import Heads
from scoring.ranker.lists import Lists
from scoring.ranker.recipe import read_ranker_recipe
from scoring.ranker.settings import NetworkSettings
from scoring.ranker.shown import OF_SHOWN, Shown
from scoring.ranker.teaching import CALIBRATED_ON, taught
from scoring.training.rows import Reading
from streams.baskets.learning import RankerTraining

SEEDS: Final = (0, 1, 2)
ROUND_MS: Final = 60_000
NETWORKS: Final[list[dict[str, Any]]] = [{"shown_epochs": epochs} for epochs in (3, 6, 12)]
TREES: Final[list[dict[str, Any]]] = [
    {"learning_rate": 0.1, "max_leaf_nodes": leaves, "max_iter": rounds}
    for leaves, rounds in product((4, 8, 16), (60, 120))
]

ITEM_PRIOR: Final = 20.0
"""Rows of the mean rate that an item begins with, where trees are told what items' rows say."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rows:
    """Shown rows of a loop, by time, and the lists of its first events."""

    log: JoinedLog
    targets: NDArray[np.bool_]
    lists: Lists

    def upto(self, share: float) -> int:
        """Rows of the first lists, so many that these are this share of all."""
        starts = self.log.lists
        return int(starts[round(share * (len(starts) - 1))])


def read(recipe: Path, logs: Sequence[Path]) -> Rows:
    """What a closed loop has left: the events of its first ranker, and exports."""
    training = RankerTraining(read_ranker_recipe(recipe), recipe.parent, Reading(False))
    lists = Lists.joined([part.thinned(np.random.default_rng(0)) for part in training.periods()])
    log = read_joined_log(logs)
    log = log.part(log.examined)
    return Rows(log, targets_of(log, OF_SHOWN) > 0, lists)


def heads_of(rows: Rows, end: int, setting: Mapping[str, Any], seed: int) -> Heads:
    """As `rillstream train` teaches them."""
    shown = Shown.of(rows.log.part(np.arange(end)))
    settings = msgspec.convert(setting, NetworkSettings)
    heads, _ = taught(rows.lists, shown, settings, seed, np.random.default_rng(seed))
    return heads


def asked(heads: Heads, rows: Rows, start: int, end: int) -> Floats:
    """(n, 2) chances of these rows."""
    codes = heads.codes(rows.log.item_id[start:end].tolist())
    found = heads.score(rows.log.features[start:end], codes)
    return found[:, : len(OF_SHOWN)].astype(np.float64)


def trees(
    x: NDArray[np.float32],
    targets: NDArray[np.bool_],
    asked: NDArray[np.float32],
    setting: Mapping[str, Any],
    seed: int,
) -> Floats:
    """(n, 2) chances of the rows asked."""
    found = [
        HistGradientBoostingClassifier(
            l2_regularization=30.0,
            max_features=0.5,
            early_stopping=False,
            random_state=seed,
            **setting,
        )
        .fit(x, happened)
        .predict_proba(asked)[:, 1]
        for happened in targets.T
    ]
    return np.stack(found, axis=1)


def calibrated_trees(
    x: NDArray[np.float32],
    targets: NDArray[np.bool_],
    asked: NDArray[np.float32],
    setting: Mapping[str, Any],
    seed: int,
) -> Floats:
    """The same of trees that nine tenths teach; Platt scaling on the newest, as of heads."""
    cut = round((1 - CALIBRATED_ON) * len(x))
    said = trees(x[:cut], targets[:cut], np.concatenate([x[cut:], asked]), setting, seed)
    logits = np.log(said) - np.log1p(-said)
    ones = np.ones(len(x) - cut)
    found = []
    for column, happened in zip(logits.T, targets[cut:].T, strict=True):
        slope, shift = platt(column[: len(ones)], happened.astype(np.float64), ones)
        found.append(1 / (1 + np.exp(-slope * column[len(ones) :] - shift)))
    return np.stack(found, axis=1)


def told_of_items(rows: Rows, end: int) -> NDArray[np.float32]:
    """All columns, and for each task what the shown rows before `end` say of the item.

    Of those rows themselves the four fifths that are not with them, by chance.
    """
    _, items = np.unique(rows.log.item_id.astype(str), return_inverse=True)
    folds = np.random.default_rng(0).integers(5, size=len(items))
    folds[end:] = -1
    found = []
    for happened in rows.targets.T:
        mean, told = happened[:end].mean(), np.empty(len(items), np.float32)
        for fold in range(-1, 5):
            own = np.arange(len(items)) < end
            own &= folds != fold
            n = np.bincount(items[own], minlength=items.max() + 1)
            n_happened = np.bincount(items[own], happened[own], minlength=items.max() + 1)
            rate = (n_happened + ITEM_PRIOR * mean) / (n + ITEM_PRIOR)
            told[folds == fold] = rate[items[folds == fold]]
        found.append(told)
    return np.column_stack([rows.log.features, *found])


def served_online(heads: Heads, rows: Rows, start: int) -> Floats:
    """(n, 2) chances of the rows from `start` on, each of the heads before its round."""
    learner = OnlineLearner(heads, OnlineSettings())
    learner.replay.add(examples_of(rows.log.part(np.arange(start)), heads))
    found, n_back = [], 0
    for part in rounds_of(rows.log, start):
        found.append(asked(learner.heads, rows, part.start, part.stop))
        examples = examples_of(rows.log.part(np.arange(part.start, part.stop)), heads)
        n_back += learner.learn(examples).rolled_back
    print(f"online: {len(found)} rounds, {n_back} rolled back", flush=True)
    return np.concatenate(found)


def rounds_of(log: JoinedLog, start: int) -> Iterator[slice]:
    """Rows from `start` on, a minute each."""
    minutes = log.at_ms[start:] // ROUND_MS
    edges = [0, *(np.flatnonzero(np.diff(minutes)) + 1).tolist(), len(minutes)]
    for begin, end in pairwise(edges):
        yield slice(start + begin, start + end)


def line(
    name: str, said: Sequence[Floats], base: Floats, happened: NDArray[np.bool_], users: list[str]
) -> str:
    """A row of the table: (n,) chances of each seed, and (n,) losses of the best trees."""
    losses = np.mean([log_losses(each, happened) for each in said], axis=0)
    loss, apart = mean_by_user(losses, users), mean_by_user(losses - base, users)
    low, high = loss.interval
    below, above = apart.interval
    gap = np.mean([calibration_gap(each, happened) for each in said])
    area = np.mean([auc(each, happened) for each in said])
    return (
        f"| {name} | {loss.value:.4f} ({low:.4f} to {high:.4f}) | "
        f"{apart.value:+.4f} ({below:+.4f} to {above:+.4f}) | {gap:.4f} | {area:.4f} | "
        f"{np.mean(said):.4f} |"
    )


def main() -> None:
    """Print a table for each of the two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, required=True, help="of the loop's first ranker")
    parser.add_argument("--log", type=Path, required=True, nargs="+", help="of rillstream export")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = read(options.recipe, options.log)
    n, middle, end = len(rows.targets), rows.upto(0.6), rows.upto(0.8)

    def worse(found: Floats) -> float:
        return float(log_losses(found, rows.targets[middle:end]).mean(axis=0).sum())

    network = min(
        NETWORKS,
        key=lambda each: worse(asked(heads_of(rows, middle, each, 100), rows, middle, end)),
    )
    x, happened = rows.log.features, rows.targets
    tree = min(
        TREES,
        key=lambda each: worse(trees(x[:middle], happened[:middle], x[middle:end], each, 100)),
    )
    print(f"{n:,} rows, {n - end:,} of them asked; chosen: {network}, {tree}", flush=True)
    begun = rows.upto(0.4)
    of_two_fifths = [
        served_online(heads_of(rows, begun, network, seed), rows, begun)[end - begun :]
        for seed in SEEDS
    ]
    heads = [heads_of(rows, end, network, seed) for seed in SEEDS]
    known = told_of_items(rows, end)
    said = {
        "constant rate": [np.tile(happened[:end].mean(axis=0), (n - end, 1))],
        "boosted trees": [trees(x[:end], happened[:end], x[end:], tree, seed) for seed in SEEDS],
        "boosted trees, calibrated": [
            calibrated_trees(x[:end], happened[:end], x[end:], tree, seed) for seed in SEEDS
        ],
        "boosted trees, told of items": [
            trees(known[:end], happened[:end], known[end:], tree, seed) for seed in SEEDS
        ],
        "heads as trained": [asked(each, rows, end, n) for each in heads],
        "these, learning online": [served_online(each, rows, end) for each in heads],
        "heads of two fifths, learning online": of_two_fifths,
    }
    users = rows.log.user_id[end:].tolist()
    for place, task in enumerate(OF_SHOWN):
        happened = rows.targets[end:, place]
        of_trees = [
            np.mean([log_losses(each[:, place], happened) for each in said[name]], axis=0)
            for name in ("boosted trees", "boosted trees, calibrated")
        ]
        base = min(of_trees, key=np.mean)
        print(f"\n{task}: {happened.sum():,} of {n - end:,}, rate {happened.mean():.4f}\n")
        print("| chances | log loss (95 %) | less the trees' | ECE | AUC | mean |")
        print("|---|---|---|---|---|---|")
        for name, each in said.items():
            print(line(name, [one[:, place] for one in each], base, happened, users))


if __name__ == "__main__":
    main()
