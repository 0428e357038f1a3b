"""What a decision costs: 64 users × 200 candidates, three tasks, one core.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_heads

Untrained weights: the time is the same. Milliseconds of processor time, the median of 40 decisions;
20,000 items are prepared once, users anew each time. With `--device cuda` it is wall-clock time,
the way to the GPU and back included.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch

from scoring.behaviour.encoding import Encoding, Scale
from scoring.behaviour.heads import BehaviourHeads
from scoring.behaviour.model import BehaviourModel
from scoring.behaviour.recipe import (
    BehaviourRecipe,
    BinarySettings,
    CategorySettings,
    ConversionSettings,
    CosineSettings,
    EngagementSettings,
    Feature,
    HistorySettings,
    NumberSettings,
    SharingSettings,
    VectorSettings,
)
from scoring.behaviour.saved import write_behaviour
from scoring.behaviour.tasks.choice import make_tasks

_N_USERS: Final = 64
_N_CANDIDATES: Final = 200
_N_ITEMS: Final = 20_000
_N_WORDS: Final = 50
_LENGTH: Final = 20
_REPEATS: Final = 40
_FORMS: Final = (
    ("vectors of 64, factorised", "hard", 64, None),
    ("vectors of 384, factorised", "hard", 384, None),
    ("vectors of 384, their cosine given", "hard", 384, "given"),
    ("vectors of 64, a history of 20 categories", "hard", 64, "category"),
    ("vectors of 64, a history of 20 of them", "hard", 64, "item"),
    ("vectors of 64, MMoE", "mmoe", 64, None),
    ("vectors of 64, PLE", "ple", 64, None),
)


def make_heads(
    form: str, width: int, extra: str | None, folder: Path, device: str
) -> BehaviourHeads:
    """Heads on a user's and an item's vector, their cosine, categories and numbers."""
    features: dict[str, Feature] = {
        "interest": VectorSettings(),
        "country": CategorySettings(),
        "hour": NumberSettings(),
        "item": VectorSettings(side="item"),
        "category": CategorySettings(side="item"),
        "brand": CategorySettings(side="item"),
        "price": NumberSettings(side="item", ramps=8),
        "match": CosineSettings(of=("interest", "item")),
    }
    if extra == "given":
        features["match"] = NumberSettings(side="pair")
    elif extra is not None:
        features["past"] = HistorySettings(candidate=extra, length=_LENGTH)
    words = [str(each) for each in range(_N_WORDS)]
    plain = Scale(mean=0.0, deviation=1.0, edges=[], may_miss=False)
    ramps = Scale(mean=0.0, deviation=1.0, edges=[float(n) for n in range(9)], may_miss=False)
    encoding = Encoding(
        scales={"hour": plain, "price": ramps, "match": plain},
        words={"country": words, "category": words, "brand": words},
        widths={"interest": width, "item": width},
    )
    recipe = BehaviourRecipe(
        kind="behaviour",
        name="speed",
        train=[],
        features=features,
        tasks={
            "click": BinarySettings(),
            "sale": ConversionSettings(given="click"),
            "stay": EngagementSettings(),
        },
        sharing=SharingSettings(form=form),
    )
    tasks = make_tasks(recipe.tasks)
    outputs = {name: n for task in tasks.values() for name, n in task.outputs.items()}
    model = BehaviourModel(recipe, encoding, outputs)
    write_behaviour(folder, model, tasks, recipe, encoding, metrics={}, notes={})
    return BehaviourHeads.load(folder, device)


def measure(heads: BehaviourHeads, width: int, extra: str | None) -> float:
    """Milliseconds of a decision, users' parts included."""
    rng = np.random.default_rng(0)

    def vectors(n: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        return rng.normal(size=(n, width)).astype(np.float32)

    def words(n: int) -> np.ndarray[Any, np.dtype[Any]]:
        return np.array([str(each) for each in rng.integers(_N_WORDS, size=n)], dtype=object)

    items = heads.items(
        {
            "item": vectors(_N_ITEMS),
            "category": words(_N_ITEMS),
            "brand": words(_N_ITEMS),
            "price": rng.random(_N_ITEMS).astype(np.float32),
        }
    )
    past = np.empty(_N_USERS, object)
    for user in range(_N_USERS):
        past[user] = list(vectors(_LENGTH) if extra == "item" else words(_LENGTH))
    users = {
        "interest": vectors(_N_USERS),
        "country": words(_N_USERS),
        "hour": rng.random(_N_USERS).astype(np.float32),
        "past": past,
    }
    candidates = rng.integers(_N_ITEMS, size=(_N_USERS, _N_CANDIDATES))
    match = rng.random(candidates.shape).astype(np.float32)
    pairs = {"match": match} if extra == "given" else None
    clock = time.process_time if heads.device.type == "cpu" else time.perf_counter
    times = []
    for _ in range(_REPEATS):
        begun = clock()
        heads.score(heads.users(users), items, candidates, pairs)
        times.append(clock() - begun)
    return 1000 * float(np.median(times))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    device = parser.parse_args().device
    torch.set_num_threads(1)
    print(f"| | ms of {'a core' if device == 'cpu' else device} |\n|---|---|")
    for name, form, width, extra in _FORMS:
        with TemporaryDirectory() as folder:
            heads = make_heads(form, width, extra, Path(folder) / "heads", device)
            print(f"| {name} | {measure(heads, width, extra):.1f} |", flush=True)


if __name__ == "__main__":
    main()
