"""Two models of one task alone and as one, on the same rows: what fusing gains, and what it costs.

    python -m tests.benchmarks.bench_fusion models/a models/b --task intent --data DIR --weight 0.7

One line for each model and for each weight of the first: the one that validation rows choose, and
those that are given. Test rows of the recipe are asked, or with `--validation` the rows that
neither has learned. Differences of the loss and, for labels, of right answers are paired by row,
with half a 95 % interval of the mean. `--speed` times answers instead, one thread, the best of
three, in seconds of CPU.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from scoring.fusion.choice import chosen_weights
from scoring.fusion.model import FusedModel, Member
from scoring.saved.folder import load_answering
from scoring.tasks.contract import Example, Vectors
from scoring.training.rows import Reading
from scoring.training.task_rows import read_task_rows

_TOGETHER = 512
_ALONE = 200


def asked_of(
    model: Member | FusedModel, name: str, vectors: Vectors, rows: Sequence[Example]
) -> tuple[dict[str, float], Tensor]:
    """Measures, and the loss of each row whose label is known."""
    task, head = model.tasks[name], model.heads[name]
    with torch.no_grad():
        return task.measures(head, vectors, rows), task.row_losses(head, vectors, rows)


def right(
    model: Member | FusedModel, name: str, vectors: Vectors, rows: Sequence[Example]
) -> Tensor:
    """1 where the label is that of the row, of rows whose label is known; empty without labels."""
    labels = set(model.tasks[name].facts().get("labels", ()))
    answers = model.tasks[name].answers(model.heads[name], vectors)
    return torch.tensor(
        [
            float(answer["label"] == row.target)
            for answer, row in zip(answers, rows, strict=True)
            if row.target in labels
        ]
    )


def paired(what: str, ours: Tensor, theirs: Tensor) -> str:
    """Mean of the differences, with half a 95 % interval."""
    gap = ours - theirs
    return f"{what} {float(gap.mean()):+.4f} ± {1.96 * float(gap.std()) / len(gap) ** 0.5:.4f}"


def speed(named: str, model: Member | FusedModel, task: str, rows: Sequence[Example]) -> None:
    """Print rows a second, and milliseconds of one row alone."""
    many, alone = [], []
    for _ in range(3):
        begun_s = time.process_time()
        for start in range(0, len(rows), _TOGETHER):
            model.answers(task, rows[start : start + _TOGETHER])
        many.append(len(rows) / (time.process_time() - begun_s))
        begun_s = time.process_time()
        for row in rows[:_ALONE]:
            model.answers(task, [row])
        alone.append((time.process_time() - begun_s) / len(rows[:_ALONE]) * 1000)
    print(f"{named}: {max(many):.0f} rows/s; one row {min(alone):.2f} ms", flush=True)


def main() -> None:
    """Print what the models say alone and as one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path, nargs=2)
    parser.add_argument("--task", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weight", type=float, nargs="*", default=[], help="of the first")
    parser.add_argument("--validation", action="store_true")
    parser.add_argument("--speed", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    name, loaded = asked.task, [load_answering(folder) for folder in asked.models]
    members: list[Member] = [model for _, model in loaded]
    sets = [
        read_task_rows(
            name,
            model.tasks[name],
            saved.recipe.tasks[name],
            saved.recipe,
            asked.data,
            Reading(True),
        )
        for saved, model in loaded
    ]
    both = set(sets[1].validation)
    unlearned = [row for row in sets[0].validation if row in both]
    if asked.speed:
        some = (sets[0].test or unlearned)[: 4 * _TOGETHER]
        for folder, model in zip(asked.models, members, strict=True):
            speed(folder.name, model, name, some)
        speed("both", FusedModel(members, [0.5, 0.5]), name, some)
        return
    rows = unlearned if asked.validation else sets[0].test
    vectors = [member.vectors(name, rows) for member in members]
    alone = [asked_of(m, name, v, rows) for m, v in zip(members, vectors, strict=True)]
    for folder, (found, losses) in zip(asked.models, alone, strict=True):
        print(folder.name, said(found), f"loss {float(losses.mean()):.4f}", flush=True)
    first_right = right(members[0], name, vectors[0], rows)
    chosen = chosen_weights(members, name, unlearned)[0]
    for how, weight in [("chosen", chosen), *(("given", given) for given in asked.weight)]:
        if weight in (0, 1):
            print(f"{weight:.2f} ({how}): one alone does better", flush=True)
            continue
        fused = FusedModel(members, [weight, 1 - weight])
        joined = fused.joined(name, vectors)
        found, losses = asked_of(fused, name, joined, rows)
        gains = [paired("loss", losses, alone[0][1])]
        if len(first_right):
            gains.append(paired("right", right(fused, name, joined, rows), first_right))
        print(f"{weight:.2f} ({how})", said(found), f"loss {float(losses.mean()):.4f};", *gains)


def said(found: dict[str, float]) -> dict[str, float]:
    """Rounded."""
    return {name: round(value, 4) for name, value in found.items()}


if __name__ == "__main__":
    main()
