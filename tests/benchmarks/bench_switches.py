"""Switches of a training on real text, on against off; heads beside their single-task twins.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_switches --data DIR --results runs.jsonl

DIR is that of `scoring/recipes/`. Every row has three seeds, which choose rows, order, dropout and
new weights; differences are paired by seed, ± is half a 95 % interval of Student's t over seeds.
Runs are kept in the results file: a run that is there is not repeated, so `--minutes` may end it
after any row of a table, and the same command goes on. Settings are small (two thousand rows or
fewer are learned), so that rows times seeds fit into an evening of one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scoring.training.twins import upper_bound
from tests.benchmarks.over_seeds import shown
from tests.benchmarks.text_runs import (
    Outcome,
    Plain,
    Runs,
    as_recipe,
    changed,
    read_plain,
)

SEEDS = (0, 1, 2)

FIVE_SHOT = changed(
    read_plain("banking77-10-shot"),
    {
        "fgm": None,
        "training": {
            "epochs": 5,
            "learning_rate": 2e-4,
            "private_learning_rate": 2e-3,
            "weight_decay": 0.01,
        },
        "tasks": {"intent": {"per_class": 5, "label_smoothing": 0.1, "contrast": 0.3}},
    },
)
SWITCHES: dict[str, Mapping[str, Any]] = {
    "base": {},
    "contrast 0 (for 0.3)": {"tasks": {"intent": {"contrast": 0.0}}},
    "FGM 0.1": {"fgm": 0.1},
    "augmentation: 0.1 left out, moved, replaced": {
        "augmentation": {"delete": 0.1, "swap": 0.1, "synonyms": 0.1}
    },
    "dropout 0 (for 0.1)": {"backbone": {"dropout": 0.0}},
    "frozen, rate of the head 1e-2": {
        "backbone": {"adaptation": "frozen"},
        "training": {"private_learning_rate": 1e-2},
    },
    "lora, rate 1e-3": {"backbone": {"adaptation": "lora"}, "training": {"learning_rate": 1e-3}},
    "label smoothing 0 (for 0.1)": {"tasks": {"intent": {"label_smoothing": 0.0}}},
    "words learn too": {"backbone": {"frozen_words": False}},
    "adapters, rate 1e-3": {
        "backbone": {"adaptation": "adapters"},
        "training": {"learning_rate": 1e-3},
    },
    "gradual": {"backbone": {"adaptation": "gradual"}},
    "weight decay 0 (for 0.01)": {"training": {"weight_decay": 0.0}},
    "clip 0 (for 1)": {"training": {"clip": 0.0}},
    "l2_shared 1e-4": {"training": {"l2_shared": 1e-4}},
    "l2_shared 1e-2": {"training": {"l2_shared": 1e-2}},
    "best epoch of 300 validation rows, patience 1": {
        "tasks": {"intent": {"validation": 0.03}},
        "training": {"measure": "intent.accuracy", "patience": 1},
    },
}

JOINT: Plain = {
    "name": "joint",
    "batch_size": 32,
    "backbone": {"max_tokens": 32, "frozen_words": True, "precision": "bfloat16"},
    "training": {"epochs": 2, "learning_rate": 2e-4, "private_learning_rate": 2e-3},
    "tasks": {
        "intent": {**FIVE_SHOT["tasks"]["intent"], "validation": 0.03},
        "sentiment": {
            **read_plain("reviews")["tasks"]["sentiment"],
            "test": 0.05,
            "validation": 0.03,
            "max_rows": 400,
        },
    },
}
SHARED: dict[str, Mapping[str, Any]] = {
    "fixed weights": {},
    "uncertainty": {"balancing": {"method": "uncertainty"}},
    "DWA": {"balancing": {"method": "dwa"}},
    "GradNorm": {"balancing": {"method": "gradnorm"}},
    "PCGrad": {"balancing": {"method": "pcgrad"}},
    "CAGrad": {"balancing": {"method": "cagrad"}},
    "temperature 5": {"temperature": 5.0},
    "MMoE": {"sharing": {"method": "mmoe"}},
    "PLE": {"sharing": {"method": "ple"}},
}
_MEASURES = {"intent": "accuracy", "sentiment": "auc"}


def switches(runs: Runs) -> Iterator[str]:
    """Five questions an intent, with one thing changed."""
    recipes = {name: changed(FIVE_SHOT, change) for name, change in SWITCHES.items()}
    yield (
        "| | accuracy | accuracy − base | loss − base | abstained | calibration error | CPU s |\n"
        + "|---" * 7
        + "|"
    )
    base = [runs.of(FIVE_SHOT, seed) for seed in SEEDS]
    for name, recipe in recipes.items():
        found = [runs.of(recipe, seed) for seed in SEEDS]
        cells = [name, shown([_measure("intent", "accuracy")(each) for each in found])]
        if name == "base":
            cells += ["", ""]
        else:
            cells.append(shown(_less(found, base, _measure("intent", "accuracy")), "+"))
            cells.append(shown(_less(found, base, _loss("intent")), "+"))
        for measure in ("abstained", "calibration_error"):
            cells.append(shown([_measure("intent", measure)(each) for each in found]))
        cells.append(f"{np.mean([each.cpu_s for each in found]):.0f}")
        yield "| " + " | ".join(cells) + " |"


def shared(runs: Runs) -> Iterator[str]:
    """Two tasks in one model beside a model for each, and forms of balancing them."""
    twins = {task: {**JOINT, "tasks": {task: own}} for task, own in JOINT["tasks"].items()}
    recipes = {name: changed(JOINT, change) for name, change in SHARED.items()}
    margin = as_recipe(JOINT, 0).twin_margin
    yield (
        "| | task | measure | joint | − twin | loss − twin | at most | "
        f"allowed {margin:g} | CPU s |\n" + "|---" * 9 + "|"
    )
    alone = {task: [runs.of(twin, seed) for seed in SEEDS] for task, twin in twins.items()}
    seconds = np.mean([[each.cpu_s for each in outcomes] for outcomes in alone.values()], axis=1)
    for name, recipe in recipes.items():
        found = [runs.of(recipe, seed) for seed in SEEDS]
        for task, measure in _MEASURES.items():
            bound = _bound(found, alone[task], task)
            cells = [
                name,
                task,
                measure,
                shown([_measure(task, measure)(each) for each in found]),
                shown(_less(found, alone[task], _measure(task, measure)), "+"),
                shown(_less(found, alone[task], _loss(task)), "+"),
                f"{bound:+.4f}",
                "passed" if bound <= margin else "failed",
                f"{np.mean([each.cpu_s for each in found]):.0f} (twins {seconds.sum():.0f})",
            ]
            yield "| " + " | ".join(cells) + " |"


def _bound(found: Sequence[Outcome], alone: Sequence[Outcome], task: str) -> float:
    """The gate's bound, of each test row's mean difference over seeds."""
    differences = torch.stack(
        [
            torch.tensor(one.losses[task]) - torch.tensor(other.losses[task])
            for one, other in zip(found, alone, strict=True)
        ]
    ).mean(dim=0)
    return upper_bound(differences)


def _measure(task: str, measure: str) -> Callable[[Outcome], float]:
    return lambda outcome: outcome.measures[task][measure]


def _loss(task: str) -> Callable[[Outcome], float]:
    return lambda outcome: float(np.mean(outcome.losses[task]))


def _less(
    found: Sequence[Outcome], base: Sequence[Outcome], value: Callable[[Outcome], float]
) -> list[float]:
    return [value(one) - value(other) for one, other in zip(found, base, strict=True)]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--results", type=Path, help="runs that are done; gets the new ones")
    parser.add_argument("--minutes", type=float, default=1e9, help="no run begins later")
    parser.add_argument("--table", choices=("switches", "shared"), action="append")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    runs = Runs(asked.data, asked.results, asked.minutes)
    tables = {"switches": lambda: switches(runs), "shared": lambda: shared(runs)}
    for name in asked.table or tables:
        for line in tables[name]():
            print(line, flush=True)
        print(flush=True)


if __name__ == "__main__":
    main()
