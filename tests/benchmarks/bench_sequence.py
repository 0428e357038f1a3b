"""Next item, leave-one-out, full ranking, against baselines tuned in the same harness.

    python -m tests.benchmarks.bench_sequence --data ../shared/data/amazon_beauty

Prints a table of HR@10 and NDCG@10. Each row is written to --work when it is done and read from
there by the next call; a training goes on from its last checkpoint, so that --minutes may end a
call early. --only chooses rows by name.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import torch

from scoring.balancing import FixedWeights
from scoring.sequence.full_ranking import Scorer, measures, ranks, tower_scorer
from scoring.sequence.item_vectors import ItemVectors
from scoring.sequence.next_item import NextItem, NextItemSettings
from scoring.sequence.sequences import LeaveOneOut, Question, Sequences, leave_one_out
from scoring.sequence.tower import SequenceTower, TowerSettings
from scoring.training.contracts import Progress
from scoring.training.loop import Interrupted, fit
from scoring.training.settings import LoopSettings
from tests.benchmarks.sequence_baselines import ItemNeighbours, item_knn, popularity

FILE: Final = "beauty.txt.zst"
PUBLISHED: Final = {
    "BERT4Rec": (0.0338, 0.0187),
    "SASRec": (0.0246, 0.0126),
    "SASRec+ cross-entropy": (0.0533, 0.0327),
}
GOAL: Final = (0.045, 0.027)
_TUNED_WITH: Final = 4_000
_KNN_VALUES: Final[Mapping[str, tuple[Any, ...]]] = {
    "decay": (0.1, 0.2, 0.35, 0.5, 0.7, 1.0),
    "b": (0.0, 0.1, 0.25, 0.5, 0.75),
    "k1": (0.3, 1.0, 10.0, 100.0),
    "n_neighbours": (50, 200, 1000),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """A tower and how it is trained."""

    tower: TowerSettings
    task: NextItemSettings
    loop: LoopSettings


def _loop(epochs: int, rate: float) -> LoopSettings:
    return LoopSettings(
        epochs=epochs,
        learning_rate=rate,
        weight_decay=0.0,
        warmup=0.03,
        measure="ndcg@10",
        patience=3,
        checkpoint_every_s=60,
    )


RECIPES: Final[Mapping[str, Recipe]] = {
    "SASRec, one negative": Recipe(
        TowerSettings(cosine=False, n_heads=1, dropout=0.2),
        NextItemSettings(loss="binary"),
        _loop(40, 2e-3),
    ),
    "tower, sampled softmax": Recipe(
        TowerSettings(dropout=0.3),
        NextItemSettings(loss="sampled", n_negatives=2048),
        _loop(8, 3e-3),
    ),
    "tower, full softmax": Recipe(TowerSettings(dropout=0.3), NextItemSettings(), _loop(8, 3e-3)),
}


def read_pairs(folder: Path) -> tuple[Sequences, int]:
    """The log of BERT4Rec's authors: lines of user and item, each user's in order of time."""
    with pa.CompressedInputStream(pa.OSFile(str(folder / FILE)), "zstd") as stream:
        pairs = np.array(stream.read().split(), dtype=np.int64).reshape(-1, 2) - 1
    return Sequences.of(pairs[:, 0], pairs[:, 1]), int(pairs[:, 1].max()) + 1


class Bench:
    """Rows of the table, each computed once."""

    def __init__(self, folder: Path, work: Path, until_s: float) -> None:
        self._split, self._n_items = _read(folder)
        self._work = work
        self._until_s = until_s

    def row(self, name: str) -> dict[str, Any]:
        """Measures of a row, from the disk where it has been made before."""
        file = self._work / f"{name.replace(', ', '-').replace(' ', '-')}.json"
        if file.exists():
            return dict(json.loads(file.read_text("utf-8")))
        begun_s = time.process_time()
        if name in RECIPES:
            scorer, facts = self._trained(name)
        else:
            scorer, facts = _BASELINES[name](self._split, self._n_items)
        say(f"{name}: the test")
        found = dict(measures(ranks(scorer, self._split.test)))
        row = {**found, **facts, "cpu_s_of_last_call": round(time.process_time() - begun_s)}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(row, indent=1), "utf-8")
        return row

    def _trained(self, name: str) -> tuple[Scorer, dict[str, Any]]:
        recipe = RECIPES[name]
        torch.manual_seed(0)
        width = recipe.tower.width
        tower = SequenceTower(recipe.tower, ItemVectors(self._n_items, width, None, None))
        task = NextItem(tower, self._split.train, self._split.validation, recipe.task)
        said_s = time.monotonic()

        def tell(progress: Progress) -> None:
            nonlocal said_s
            if progress.measures is None and time.monotonic() - said_s < 20:
                return
            said_s = time.monotonic()
            numbers = {**progress.losses, **(progress.measures or {})}
            shown = ", ".join(f"{key} {value:.4f}" for key, value in numbers.items())
            where = f"epoch {progress.epoch}, step {progress.step} of {progress.n_steps}"
            say(f"{name}: {where}, {shown}, {progress.left_s / 60:.0f} min left")

        fitted = fit(
            task,
            recipe.loop,
            FixedWeights(["next"]),
            folder=self._work / name.replace(", ", "-").replace(" ", "-"),
            identity={"tower": repr(recipe.tower), "task": repr(recipe.task)},
            progress=tell,
            stop=lambda: time.monotonic() > self._until_s,
        )
        facts = {
            "validation": dict(fitted.measures),
            "epochs": len(fitted.history),
            "best_epoch": fitted.best,
        }
        return tower_scorer(tower), facts


def _read(folder: Path) -> tuple[LeaveOneOut, int]:
    sequences, n_items = read_pairs(folder)
    return leave_one_out(sequences), n_items


def _popularity(split: LeaveOneOut, n_items: int) -> tuple[Scorer, dict[str, Any]]:
    return popularity(split.train, n_items), {}


def _item_knn(split: LeaveOneOut, n_items: int) -> tuple[Scorer, dict[str, Any]]:
    """One setting after the other, twice round: the best on the validation of some users."""
    users = np.sort(
        np.random.default_rng(0).choice(len(split.validation.targets), _TUNED_WITH, replace=False)
    )
    asked = Question(split.validation.pasts.select(users), split.validation.targets[users])
    best, chosen = -1.0, ItemNeighbours(10.0, 0.5, 200, 0.7)
    tried = {}
    for setting, values in [*_KNN_VALUES.items()] * 2:
        for candidate in [replace(chosen, **{setting: value}) for value in values]:
            if candidate not in tried:
                tried[candidate] = measures(ranks(item_knn(split.train, n_items, candidate), asked))
                say(f"item-kNN: {candidate} {dict(tried[candidate])}")
            if tried[candidate]["ndcg@10"] > best:
                best, chosen = tried[candidate]["ndcg@10"], candidate
    return item_knn(split.train, n_items, chosen), {"chosen": asdict(chosen)}


_BASELINES: Final[Mapping[str, Callable[[LeaveOneOut, int], tuple[Scorer, dict[str, Any]]]]] = {
    "popularity": _popularity,
    "BM25 item-kNN": _item_knn,
}


def say(text: str) -> None:
    """A line of progress, beside the table."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Make the rows that are missing, and print them all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help=f"folder with {FILE}")
    parser.add_argument("--work", type=Path, default=Path("bench-sequence"), help="for results")
    parser.add_argument("--only", action="append", choices=[*_BASELINES, *RECIPES])
    parser.add_argument("--minutes", type=float, default=float("inf"), help="end this call then")
    chosen = parser.parse_args()
    bench = Bench(chosen.data, chosen.work, time.monotonic() + 60 * chosen.minutes)
    rows = {}
    try:
        for name in chosen.only or [*_BASELINES, *RECIPES]:
            rows[name] = bench.row(name)
    except Interrupted as reason:
        say(str(reason))
        return 3
    print("| model | HR@10 | NDCG@10 |\n|---|---|---|")
    for name, row in rows.items():
        print(f"| {name} | {row['hr@10']:.4f} | {row['ndcg@10']:.4f} |")
    for name, (rate, gain) in PUBLISHED.items():
        print(f"| {name}, published | {rate:.4f} | {gain:.4f} |")
    print(f"| goal on 2 cores | {GOAL[0]:.4f} | {GOAL[1]:.4f} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
