"""A recipe -> a pretrained encoder: read, measure, train or go on training, measure, save."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import torch

from scoring.balancing import FixedWeights
from scoring.encoder import identify
from scoring.language.model import LanguageModel
from scoring.pretraining.corpus import Held, read_corpus
from scoring.pretraining.learning import PretrainingTask
from scoring.pretraining.recipe import Pretraining
from scoring.pretraining.saved import Gain, load_words_head, write_pretrained
from scoring.saved.whole_folder import work_folder
from scoring.training.contracts import Progress, Writer
from scoring.training.loop import fit
from scoring.training.rows import Reading


def pretrain(
    recipe: Pretraining,
    folder: Path,
    out: Path,
    reading: Reading,
    *,
    threads: int,
    restart: bool = False,
    progress: Callable[[Progress], None] | None = None,
    writer: Writer | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Gain:
    """Train an encoder on a shop's own texts and save it.

    Interrupted, it goes on from ``out/../.NAME.training`` when it is called again.

    Args:
        recipe: What and how.
        folder: Of its files.
        out: Where the encoder is to be.
        reading: Notes bad rows.
        threads: For torch, in the whole process.
        restart: Forget what a training has left.
        progress: As in `fit`.
        writer: As in `fit`.
        stop: As in `fit`.

    Raises:
        ModelError: There is something at `out`.
        RowsError: Rows cannot be used.
        RecipeError: No loss has both a weight and rows.
        Interrupted: As asked by stop.
        CheckpointError: What is left there is of another training.
    """
    state = work_folder(out, restart=restart)
    begun_s = time.monotonic()
    torch.set_num_threads(threads)
    torch.manual_seed(recipe.training.seed)
    corpus = read_corpus(recipe, folder, reading)
    language = LanguageModel(recipe.backbone)
    task = PretrainingTask(language, corpus, recipe)
    goes_on = load_words_head(task.module, language.folder.path)
    ancestor = identify(recipe.backbone.source)[0]
    task.module.eval()
    with torch.no_grad():
        before = task.validate()
    fitted = fit(
        task,
        recipe.training,
        FixedWeights(list(task.weights), task.weights),
        folder=state,
        identity={
            "recipe": msgspec.json.encode(recipe).decode(),
            "encoder": ancestor,
            "rows": corpus.digest(),
        },
        progress=progress,
        writer=writer,
        stop=stop,
    )
    gain = Gain(before, fitted.measures)
    notes = {
        "seconds": round(time.monotonic() - begun_s),
        "epochs": len(fitted.history),
        "best epoch": fitted.best + 1,
        "head for words": "of an earlier pretraining" if goes_on else "new",
    }
    parts: dict[str, Held[Any]] = {"words": corpus.words, **corpus.pairs}
    for name, held in parts.items():
        notes[f"rows of {name}"] = f"{len(held.train)} learned, {len(held.held_out)} held out"
    write_pretrained(out, task.module, recipe, ancestor=ancestor, gain=gain, notes=notes)
    shutil.rmtree(state, ignore_errors=True)
    return gain
