"""Behaviour recipes, trained from files as `rillstream train` does, beside what is known.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_behaviour --data DIR

DIR holds UCI Adult: two attributes of a profile, the rows and splits of `bench_sharing`. Learning
rates are the best of three on the held-out rows, another seed. The exposures are simulated, so that
the chances themselves are known: five logs, a seed each. ± is half a 95 % interval of Student's t.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from scipy.special import entr
from scipy.stats import spearmanr

from scoring.behaviour.answering import calibrated_logits
from scoring.behaviour.recipe import (
    BehaviourRecipe,
    BinarySettings,
    CategorySettings,
    ConversionSettings,
    EngagementSettings,
    Feature,
    NumberSettings,
    RateSettings,
    read_behaviour_recipe,
)
from scoring.behaviour.rows import read_rows
from scoring.behaviour.run import train
from scoring.behaviour.saved import load_behaviour
from scoring.measures import auc
from scoring.sharing import count_parameters
from scoring.training.rows import Reading
from scoring.training.settings import LoopSettings
from tests.benchmarks.census import NUMBERS, TASKS, WORDS, Rows, read_census
from tests.benchmarks.over_seeds import shown
from tests.benchmarks.simulated_exposures import N_NUMBERS, Exposures, draw_exposures

_RECIPE: Final = Path(__file__).parents[2] / "scoring" / "recipes" / "census.toml"
_SEEDS: Final = range(5)
_RATES: Final = (3e-3, 6e-3, 1.2e-2)
_TUNING_SEED: Final = 100
_N_LEARNED: Final = 40_000
_N_TESTED: Final = 20_000


def census_recipe(wide: bool, rate: float, seed: int) -> BehaviourRecipe:
    """The form of `bench_sharing`: hard sharing, a bottom of 56, numbers as ramps."""
    recipe = read_behaviour_recipe(_RECIPE)
    replace = msgspec.structs.replace
    return replace(
        recipe,
        sharing=replace(recipe.sharing, wide=wide),
        training=replace(recipe.training, learning_rate=rate, seed=seed),
    )


def write_census(data: Path, folder: Path) -> None:
    """The three files of the recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = read_census(data)
    for name, rows in (("train", whole.train), ("valid", whole.valid), ("test", whole.test)):
        pq.write_table(pa.table(_census_columns(rows)), folder / f"{name}.parquet")


def census(data: Path, folder: Path) -> Iterator[str]:
    """Two attributes of a profile."""
    write_census(data, folder)
    yield (
        "| | rate | parameters | "
        + " | ".join(
            f"{task} {measure}" for task in TASKS for measure in ("AUC", "log loss", "ECE")
        )
        + " |\n|---"
        + "|---" * 8
        + "|"
    )
    for wide in (False, True):

        def run(rate: float, seed: int, wide: bool = wide) -> tuple[Any, Path]:
            out = folder / f"census-{wide}-{rate}-{seed}"
            recipe = census_recipe(wide, rate, seed)
            return train(recipe, folder, out, Reading()), out

        def valid(rate: float, run: Callable[..., tuple[Any, Path]] = run) -> float:
            return float(run(rate, _TUNING_SEED)[0].fitted.measures["loss"])

        rate = min(_RATES, key=valid)
        done = [run(rate, seed) for seed in _SEEDS]
        n_parameters = count_parameters(load_behaviour(done[0][1]).model.requires_grad_(True))
        cells = [
            shown([each.saved.metrics[task][measure] for each, _ in done])
            for task in TASKS
            for measure in ("auc", "log_loss", "calibration_error")
        ]
        name = "hard sharing, linear part beside it" if wide else "hard sharing"
        yield f"| {name} | {rate:g} | {n_parameters:,} | " + " | ".join(cells) + " |"


def _census_columns(rows: Rows) -> dict[str, Any]:
    """Codes are words as good as any."""
    words = {name: [str(each) for each in rows.codes[:, i]] for i, name in enumerate(WORDS)}
    numbers = {name: rows.numbers[:, i] for i, name in enumerate(NUMBERS)}
    labels = {task: rows.labels[:, i] for i, task in enumerate(TASKS)}
    return {**words, **numbers, **labels}


def exposure_recipe(form: str, seed: int) -> BehaviourRecipe:
    """Click and sale: `esmm`, or a sale learned from clicks alone; engagement in both."""
    numbers: dict[str, Feature] = {f"x{place}": NumberSettings() for place in range(N_NUMBERS)}
    sale = (
        ConversionSettings(given="click")
        if form == "esmm"
        else BinarySettings(column="sale_of_click")
    )
    return BehaviourRecipe(
        kind="behaviour",
        name="exposures",
        train=["learned.parquet"],
        features={
            "user": CategorySettings(),
            "item": CategorySettings(side="item"),
            **numbers,
        },
        tasks={"click": BinarySettings(), "sale": sale, "stay": EngagementSettings()},
        training=LoopSettings(
            epochs=8,
            learning_rate=3e-3,
            decay="cosine",
            weight_decay=0.1,
            measure="loss",
            lower_is_better=True,
            patience=2,
            seed=seed,
        ),
    )


def exposures(folder: Path) -> Iterator[str]:
    """Sample selection bias, and engagement, on simulated logs."""
    found: dict[str, list[dict[str, float]]] = {"clicks alone": [], "esmm": [], "the truth": []}
    for seed in _SEEDS:
        learned = draw_exposures(_N_LEARNED, 2 * seed)
        tested = draw_exposures(_N_TESTED, 2 * seed + 1)
        pq.write_table(pa.table(learned.columns()), folder / "learned.parquet")
        pq.write_table(pa.table(tested.columns()), folder / "tested.parquet")
        found["the truth"].append(_judged(tested, tested.click, tested.conversion))
        for form in ("clicks alone", "esmm"):
            out = folder / f"{form}-{seed}"
            train(exposure_recipe(form, seed), folder, out, Reading())
            found[form].append(_asked(out, folder / "tested.parquet", tested))
    measures = list(found["esmm"][0])
    yield "| | " + " | ".join(measures) + " |\n|---" + "|---" * len(measures) + "|"
    for form, runs in found.items():
        cells = [shown([run[each] for run in runs]) if each in runs[0] else "" for each in measures]
        yield f"| {form} | " + " | ".join(cells) + " |"
    pairs = list(zip(found["esmm"], found["clicks alone"], strict=True))
    cells = [shown([a[each] - b[each] for a, b in pairs], sign="+") for each in measures]
    yield "| esmm − clicks alone, paired | " + " | ".join(cells) + " |"


def ids(folder: Path) -> Iterator[str]:
    """Users and items of the same logs as categories, as rates, and as both; a task at a time."""
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for seed in _SEEDS:
        learned = draw_exposures(_N_LEARNED, 2 * seed)
        tested = draw_exposures(_N_TESTED, 2 * seed + 1)
        pq.write_table(pa.table(learned.columns()), folder / "learned.parquet")
        pq.write_table(pa.table(tested.columns()), folder / "tested.parquet")
        truth = {"click": tested.click, "sale": tested.click * tested.conversion}
        labels = {"click": tested.clicked, "sale": tested.converted}
        for task, true in truth.items():
            for form in ("categories", "rates", "both"):
                out = folder / f"{task}-{form}-{seed}"
                train(_ids_recipe(form, task, seed), folder, out, Reading())
                said = _chances(out, folder / "tested.parquet")[task]
                found.setdefault((task, form), []).append(
                    {
                        "KL": _divergence(true, said),
                        "AUC": auc(said, labels[task]),
                        "expected − true": float((said - true).sum()),
                    }
                )
    yield "| task | ids as | KL | AUC | expected − true |\n|---|---|---|---|---|"
    for (task, form), runs in found.items():
        yield f"| {task} | {form} | " + " | ".join(_cells(runs)) + " |"
    for task in truth:
        pairs = zip(found[task, "rates"], found[task, "categories"], strict=True)
        differences = [{name: a[name] - b[name] for name in a} for a, b in pairs]
        cells = " | ".join(_cells(differences, "+"))
        yield f"| {task} | rates − categories, paired | {cells} |"


def _ids_recipe(form: str, task: str, seed: int) -> BehaviourRecipe:
    base = exposure_recipe("clicks alone", seed)
    categories = {k: v for k, v in base.features.items() if isinstance(v, CategorySettings)}
    rates: dict[str, Feature] = {
        f"{name} rate": RateSettings(column=name, side=each.side, of=task)
        for name, each in categories.items()
    }
    features = {k: v for k, v in base.features.items() if k not in categories}
    features |= {} if form == "rates" else categories
    features |= {} if form == "categories" else rates
    return msgspec.structs.replace(base, features=features, tasks={task: BinarySettings()})


def _cells(runs: list[dict[str, float]], sign: str = "") -> list[str]:
    return [shown([run[name] for run in runs], sign=sign) for name in runs[0]]


def _asked(out: Path, file: Path, tested: Exposures) -> dict[str, float]:
    chances = _chances(out, file)
    found = _judged(tested, chances["click"], chances["sale"])
    dwell, true = chances["stay.dwell"], np.log(tested.dwell_s)
    clicked = tested.clicked == 1
    return found | {
        "dwell ρ, all": float(spearmanr(dwell, true).statistic),
        "dwell ρ, clicked": float(spearmanr(dwell[clicked], true[clicked]).statistic),
    }


def _chances(out: Path, file: Path) -> dict[str, NDArray[np.float64]]:
    behaviour = load_behaviour(out)
    rows = read_rows([file], behaviour.saved.recipe, {}, Reading())
    logits = calibrated_logits(behaviour, rows)
    return {name: each.double().sigmoid().numpy() for name, each in logits.items()}


def _judged(
    tested: Exposures, click: NDArray[np.float64], conversion: NDArray[np.float64]
) -> dict[str, float]:
    """Against true chances of a conversion, on all exposures and on those that were clicked."""
    clicked = tested.clicked == 1
    return {
        "conversion bias, all": float((conversion - tested.conversion).mean()),
        "conversion bias, clicked": float((conversion - tested.conversion)[clicked].mean()),
        "conversion KL, all": _divergence(tested.conversion, conversion),
        "conversion KL, clicked": _divergence(tested.conversion[clicked], conversion[clicked]),
        "sale AUC": auc(click * conversion, tested.converted),
        "sales expected − real": float((click * conversion).sum() - tested.converted.sum()),
    }


def _divergence(true: NDArray[np.float64], said: NDArray[np.float64]) -> float:
    """Mean nats by which log loss will exceed that of the true chances."""
    cross = -(true * np.log(said) + (1 - true) * np.log1p(-said))
    return float((cross - entr(true) - entr(1 - true)).mean())


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--write", type=Path, help="only write the rows of recipes/census.toml")
    parser.add_argument("--table", choices=("census", "exposures", "ids"), action="append")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.write is not None:
        write_census(options.data, options.write)
        return
    tables: dict[str, Callable[[Path], Iterator[str]]] = {
        "census": lambda work: census(options.data, work),
        "exposures": exposures,
        "ids": ids,
    }
    for name in options.table or tables:
        with TemporaryDirectory() as folder:
            for line in tables[name](Path(folder)):
                print(line, flush=True)
        print(flush=True)


if __name__ == "__main__":
    main()
