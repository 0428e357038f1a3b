"""A recipe -> a saved model: read, train or go on training, test, save."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch

from scoring.augmentation.changes import Changes, make_changes
from scoring.balancing import Balancer, balancer_of
from scoring.encoder import identify
from scoring.language.model import LanguageModel
from scoring.language.text_model import TextModel
from scoring.saved.folder import SavedModel, read_saved, write_model
from scoring.saved.whole_folder import work_folder
from scoring.tasks.choice import make_task
from scoring.training.contracts import Progress, Writer
from scoring.training.history import Fitted
from scoring.training.loop import Interrupted, fit
from scoring.training.processes import ALONE, Processes
from scoring.training.recipe import Recipe
from scoring.training.rows import Reading
from scoring.training.task_rows import TaskRows, fingerprint, read_task_rows
from scoring.training.text import TextTraining, tested


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training came to.

    Attributes:
        saved: The model, with its metrics.
        fitted: The history of its epochs.
        reading: Which rows were bad.
    """

    saved: SavedModel
    fitted: Fitted
    reading: Reading


def train(
    recipe: Recipe,
    folder: Path,
    out: Path,
    *,
    threads: int,
    skip_bad: bool = False,
    restart: bool = False,
    progress: Callable[[Progress], None] | None = None,
    translating: Callable[[int, int], None] | None = None,
    writer: Writer | None = None,
    stop: Callable[[], bool] = lambda: False,
    processes: Processes = ALONE,
) -> Trained:
    """Train, test and save a model; goes on where a training of the same recipe and rows was.

    Several processes call this alike, with the same files in their sight.

    Args:
        recipe: What and how.
        folder: Of its files.
        out: Where the model is to be; its checkpoints are beside it until it is.
        threads: For torch, in the whole process.
        skip_bad: Go on without bad rows.
        restart: Forget what a training has left.
        progress: Called every few steps.
        translating: Called with (done, n) while texts are translated, where the recipe asks for it.
        writer: Gets curves.
        stop: Asked after each step.
        processes: That train together; process 0 measures and writes.

    Raises:
        ModelError: The model is there already.
        RowsError: Rows cannot be used.
        Interrupted: As asked by stop.
        CheckpointError: What is left there is of another training.
    """
    state = work_folder(out, restart=restart and processes.main)
    processes.wait()
    begun_s = time.monotonic()
    torch.set_num_threads(threads)
    torch.manual_seed(recipe.training.seed)
    reading = Reading(skip_bad)
    tasks = {name: make_task(settings) for name, settings in recipe.tasks.items()}
    rows = {
        name: read_task_rows(name, task, recipe.tasks[name], recipe, folder, reading)
        for name, task in tasks.items()
    }
    for name, task in tasks.items():
        task.learn_facts(rows[name].train)
    language = LanguageModel(recipe.backbone)
    model = TextModel(language, tasks, recipe.sharing)
    # After the heads: a translator draws random numbers when it is loaded, and is loaded once only.
    with processes.main_first():
        changes = _changes(recipe, rows, language, folder, state, translating, stop)
    training = TextTraining(model, rows, recipe, changes, processes)
    language.to(processes.device)
    if processes.main and not (state / "checkpoint.json").is_file():
        training.begin()
    model.to(processes.device)
    ancestor = identify(recipe.backbone.source)[0]
    fitted = fit(
        training,
        recipe.training,
        recipe_balancer(recipe).to(processes.device),
        folder=state,
        identity={
            "recipe": msgspec.json.encode(recipe).decode(),
            "encoder": ancestor,
            **({"augmentation": changes.digest()} if changes is not None else {}),
            **{
                f"rows of {name}": fingerprint([*each.train, *each.validation])
                for name, each in rows.items()
            },
        },
        progress=progress,
        writer=writer,
        stop=stop,
        processes=processes,
    )
    if not processes.main:
        processes.wait()
        return Trained(read_saved(out), fitted, reading)
    model.heads.cpu()  # where vectors are measured
    training.calibrate()
    saved = write_model(
        out,
        training.module,
        recipe,
        ancestor=ancestor,
        metrics=tested(training.module, rows),
        notes={
            "seconds": round(time.monotonic() - begun_s),
            "epochs": len(fitted.history),
            "best epoch": fitted.best + 1,
            **{
                f"rows of {name}": f"{len(each.train)} learned, {len(each.validation)} validated, "
                f"{len(each.test)} tested"
                for name, each in rows.items()
            },
        },
    )
    shutil.rmtree(state, ignore_errors=True)
    processes.wait()
    return Trained(saved, fitted, reading)


def _changes(
    recipe: Recipe,
    rows: Mapping[str, TaskRows],
    language: LanguageModel,
    folder: Path,
    state: Path,
    translating: Callable[[int, int], None] | None,
    stop: Callable[[], bool],
) -> Changes | None:
    """What the recipe wants to happen to training rows.

    Raises:
        Interrupted: As asked by stop.
    """
    if recipe.augmentation is None:
        return None
    texts = {
        name: [text for row in each.train for text in row.texts] for name, each in rows.items()
    }
    changes = make_changes(
        recipe.augmentation,
        texts,
        language,
        seed=recipe.training.seed,
        folder=folder,
        state=state,
        progress=translating,
        stop=stop,
    )
    if changes is None:
        raise Interrupted("stopped while texts were translated; run again to go on")
    return changes


def recipe_balancer(recipe: Recipe) -> Balancer:
    """The balancer that a recipe asks for; fixed weights are those of its tasks."""
    weights = {name: task.weight for name, task in recipe.tasks.items()}
    return balancer_of(recipe.balancing, weights)
