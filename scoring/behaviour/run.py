"""A behaviour recipe -> a saved model: read, train or go on training, calibrate, test, save."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch

from scoring.behaviour.recipe import BehaviourRecipe, loop_settings
from scoring.behaviour.rows import Parts, read_parts
from scoring.behaviour.saved import SavedBehaviour, write_behaviour
from scoring.behaviour.tasks.choice import make_tasks
from scoring.behaviour.training import (
    BehaviourTraining,
    calibrated,
    examples,
    measures,
    recipe_balancer,
)
from scoring.saved.whole_folder import work_folder
from scoring.training.contracts import Progress, Writer
from scoring.training.history import Fitted
from scoring.training.loop import fit
from scoring.training.rows import Reading


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training came to: the model with its metrics, and the history of its epochs."""

    saved: SavedBehaviour
    fitted: Fitted


def train(
    recipe: BehaviourRecipe,
    folder: Path,
    out: Path,
    reading: Reading,
    *,
    restart: bool = False,
    progress: Callable[[Progress], None] | None = None,
    writer: Writer | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Trained:
    """Train, test and save a model; goes on where a training of the same recipe and rows was.

    Args:
        recipe: What and how.
        folder: Of its files.
        out: Where the model is to be; its checkpoints are beside it until it is.
        reading: Notes bad rows.
        restart: Forget what a training has left.
        progress: Called every few steps.
        writer: Gets curves.
        stop: Asked after each step.

    Raises:
        ModelError: The model is there already.
        RowsError: Rows cannot be used.
        Interrupted: As asked by stop.
        CheckpointError: What is left there is of another training.
    """
    state = work_folder(out, restart=restart)
    begun_s = time.monotonic()
    tasks = make_tasks(recipe.tasks)
    parts = read_parts(recipe, tasks, folder, reading)
    torch.manual_seed(recipe.training.seed)
    training = BehaviourTraining(recipe, tasks, parts.train, parts.validation)
    fitted = fit(
        training,
        loop_settings(recipe),
        recipe_balancer(recipe),
        folder=state,
        identity={
            "recipe": msgspec.json.encode(recipe).decode(),
            "rows": parts.train.digest(),
            "validation": parts.validation.digest(),
        },
        progress=progress,
        writer=writer,
        stop=stop,
    )
    training.calibrate()
    found = {}
    if len(parts.test):
        test = examples(recipe, training.encoding, tasks, parts.test)
        logits = calibrated(training.module, test.inputs)
        found = measures(tasks, logits, test.targets)
    saved = write_behaviour(
        out,
        training.module,
        tasks,
        recipe,
        training.encoding,
        metrics=found,
        notes={
            "seconds": round(time.monotonic() - begun_s),
            "epochs": len(fitted.history),
            "best epoch": fitted.best + 1,
            "rows": _said(parts),
        },
    )
    shutil.rmtree(state, ignore_errors=True)
    return Trained(saved, fitted)


def _said(parts: Parts) -> str:
    return (
        f"{len(parts.train)} learned, {len(parts.validation)} validated, {len(parts.test)} tested"
    )
