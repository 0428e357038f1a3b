"""Several interests against one: Amazon Beauty, the same seeds, users and epochs for both.

    python -m tests.benchmarks.bench_sequence_interests --data ../shared/data/amazon_beauty

Prints a row for each number of interests: HR@10 and NDCG@10 of the validation's users and of the
test, how far the latter are from those of one interest (paired; 95 % over users of the mean over
seeds, and each seed's), and how much the interests of a user are alike. A training is written to
--work when it is done and read from there by the next call.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from msgspec.structs import replace
from numpy.typing import NDArray

from scoring.balancing import FixedWeights
from scoring.sequence.batches import pad
from scoring.sequence.full_ranking import measures, ranks, tower_scorer
from scoring.sequence.item_vectors import ItemVectors
from scoring.sequence.next_item import NextItem
from scoring.sequence.sequences import LeaveOneOut, Question, leave_one_out
from scoring.sequence.tower import SequenceTower, last_states
from scoring.training.contracts import Progress
from scoring.training.loop import fit
from tests.benchmarks.bench_sequence import FILE, RECIPES, read_pairs, say
from tests.benchmarks.bench_sequence_shop import gains

_MEASURES: Final = ("hr@10", "ndcg@10")
_LOOKED_AT: Final = 2_000


@dataclass(frozen=True, slots=True)
class Run:
    """One training.

    Attributes:
        test: (Q,) ranks of what came last.
        facts: The best epoch, its validation, and what `likeness` found.
    """

    test: NDArray[np.int64]
    facts: dict[str, Any]


def trained(split: LeaveOneOut, n_items: int, loss: str, n_interests: int, seed: int) -> Run:
    """Train by the recipe of `bench_sequence`, but for the interests and the seed."""
    recipe = RECIPES[f"tower, {loss} softmax"]
    torch.manual_seed(seed)
    settings = replace(recipe.tower, n_interests=n_interests)
    tower = SequenceTower(settings, ItemVectors(n_items, settings.width, None, None))
    task = NextItem(tower, split.train, split.validation, replace(recipe.task, seed=seed))

    def tell(progress: Progress) -> None:
        if progress.measures is not None:
            say(f"{loss}, {n_interests}, seed {seed}: {progress.epoch} {dict(progress.measures)}")

    fitted = fit(task, replace(recipe.loop, seed=seed), FixedWeights(["next"]), progress=tell)
    facts = {"best_epoch": fitted.best, **fitted.measures, **likeness(tower, split.validation)}
    return Run(ranks(tower_scorer(tower), split.test), facts)


def likeness(tower: SequenceTower, question: Question) -> dict[str, Any]:
    """Mean cosine between interests of a user, and how often each is the target's nearest."""
    n_users = min(_LOOKED_AT, len(question.targets))
    events = pad(question.pasts.select(np.arange(n_users)).last(tower.settings.length))
    with torch.no_grad():
        interests = last_states(tower(events), events.lengths)  # (b, K, e)
        targets = tower.item_space(torch.from_numpy(question.targets[:n_users]))  # (b, e)
    n_interests = interests.shape[1]
    above = torch.triu_indices(n_interests, n_interests, 1)
    cosines = (interests @ interests.transpose(1, 2))[:, above[0], above[1]]  # (b, pairs)
    nearest = torch.einsum("bke,be->bk", interests, targets).argmax(dim=1)  # (b,)
    chosen = torch.bincount(nearest, minlength=n_interests) / n_users
    return {
        "cosine": float(cosines.mean()) if n_interests > 1 else 1.0,
        "chosen": [round(share, 3) for share in chosen.tolist()],
    }


def kept(file: Path, make: Callable[[], Run]) -> Run:
    """A run from the disk, made where it is not there."""
    if not file.exists():
        run = make()
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as out:
            np.savez(out, test=run.test, facts=json.dumps(run.facts))
    with np.load(file) as saved:
        return Run(saved["test"], json.loads(str(saved["facts"])))


def row(n_interests: int, runs: list[Run], alone: list[Run]) -> str:
    """Cells of the table."""
    cells = [str(n_interests)]
    cells.extend(_spread([run.facts[measure] for run in runs]) for measure in _MEASURES)
    for measure in _MEASURES:
        cells.append(_spread([measures(run.test)[measure] for run in runs]))
        apart = np.array(
            [
                gains(one.test, measure) - gains(other.test, measure)
                for one, other in zip(runs, alone, strict=True)
            ]
        )  # (seeds, Q)
        users = apart.mean(axis=0)  # (Q,)
        half = 1.96 * users.std() / np.sqrt(len(users))
        each = ", ".join(f"{value:+.4f}" for value in apart.mean(axis=1))
        cells.append(f"{users.mean():+.4f} ± {half:.4f} ({each})")
    cells.append(", ".join(f"{run.facts['cosine']:.2f}" for run in runs))
    cells.append("; ".join(" ".join(map(str, run.facts["chosen"])) for run in runs))
    return f"| {' | '.join(cells)} |"


def _spread(found: list[float]) -> str:
    spread = f" ± {np.std(found, ddof=1):.4f}" if len(found) > 1 else ""
    return f"{np.mean(found):.4f}{spread}"


def main() -> None:
    """Train what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help=f"folder with {FILE}")
    parser.add_argument("--work", type=Path, default=Path("bench-interests"), help="for results")
    parser.add_argument("--loss", choices=["sampled", "full"], default="sampled")
    parser.add_argument("--interests", type=int, nargs="+", default=[2, 4], help="beside one")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    chosen = parser.parse_args()
    pairs, n_items = read_pairs(chosen.data)
    split = leave_one_out(pairs)

    def runs(n_interests: int) -> list[Run]:
        return [
            kept(
                chosen.work / f"{chosen.loss}-{n_interests}-{seed}.npz",
                partial(trained, split, n_items, chosen.loss, n_interests, seed),
            )
            for seed in chosen.seeds
        ]

    alone = runs(1)
    columns = ["interests", *(f"validation {measure}" for measure in _MEASURES)]
    columns += [f"test {measure} | − one" for measure in _MEASURES]
    columns += ["cosine", "nearest"]
    print(f"| {' | '.join(columns)} |\n{'|---' * 9}|")
    for n_interests, found in [(1, alone), *((k, runs(k)) for k in chosen.interests)]:
        print(row(n_interests, found, alone), flush=True)


if __name__ == "__main__":
    main()
