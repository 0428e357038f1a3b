"""A trained model as a folder: an encoder like any other, with heads in a folder of their own.

```
config.json, model.safetensors, tokenizer.json, 1_Pooling/ …   what `load_encoder` reads
heads/heads.safetensors, heads/heads.json                       weights, tasks, recipe, metrics
README.md                                                       the model card
```
Of a model of words and letters (`[words]`), the first line is not there: all of it is heads. Of a
model trained by `lora` with `merged = false`, adapter_config.json, adapter_model.safetensors
(peft's) and base.json (whose weights they update) stand in the place of the first line.

Heads are beneath, for every `*.safetensors` beside a `config.json` belongs to the encoder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from scoring.damage import DAMAGE
from scoring.encoder import identify
from scoring.errors import EncoderFormatError, ModelError
from scoring.folder import named_folder, read_folder
from scoring.language.model import LanguageModel
from scoring.language.reader import Reader
from scoring.language.text_answers import TextAnswers
from scoring.language.text_model import TextModel
from scoring.saved.card import CARD, card
from scoring.saved.encoder_files import write_encoder
from scoring.saved.update_files import is_update, write_update
from scoring.saved.whole_folder import whole_folder
from scoring.strict_json import measures_of, strict_json
from scoring.tasks.choice import make_task
from scoring.tasks.contract import Task
from scoring.training.checkpoint import load_weights, save_weights
from scoring.training.recipe import BackboneSettings, Recipe
from scoring.words.model import WordsModel

HEADS: Final = "heads"
_FORMAT: Final = 1

Metrics = Mapping[str, Mapping[str, float]]
"""Task -> measure -> value."""


@dataclass(frozen=True, slots=True)
class SavedModel:
    """What a folder says of its model.

    Attributes:
        folder: Where it is.
        recipe: How it was trained.
        ancestor: Version of the encoder that it began as; None = it has none.
        facts: Of its tasks, by name.
        metrics: On the test rows of the recipe, by task.
        notes: How it came about: seconds, epochs, or of what it was merged.
    """

    folder: Path
    recipe: Recipe
    ancestor: str | None
    facts: Mapping[str, Mapping[str, Any]]
    metrics: Metrics
    notes: Mapping[str, Any]

    def version(self) -> str:
        """Of encoder and heads together: 12 hex digits, of the content."""
        digest = hashlib.sha256()
        if self.recipe.words is None:
            digest.update(identify(self.folder)[0].encode())
        digest.update(heads_file(self.folder).read_bytes())
        return digest.hexdigest()[:12]


def write_model(
    folder: Path,
    model: TextModel | WordsModel,
    recipe: Recipe,
    *,
    ancestor: str | None,
    metrics: Metrics,
    notes: Mapping[str, Any],
) -> SavedModel:
    """Save a model; the folder appears whole or not at all.

    Args:
        folder: Where nothing is yet.
        model: Updates of low rank are added to its weights, or saved alone: as its recipe says.
        recipe: How it was trained.
        ancestor: Version of the encoder that it began as; None = it has none.
        metrics: By task.
        notes: For the card.

    Raises:
        ModelError: There is something already.
    """
    with whole_folder(folder) as part:
        if isinstance(model, TextModel):
            write_language = write_update if is_update(model.language) else write_encoder
            write_language(part, model.language)
        (part / HEADS).mkdir()
        save_weights(model.heads, heads_file(part))
        facts = {name: task.facts() for name, task in model.tasks.items()}
        said = {
            "format": _FORMAT,
            "ancestor": ancestor,
            "facts": facts,
            "metrics": metrics,
            "notes": notes,
            "recipe": msgspec.to_builtins(recipe),
        }
        (part / HEADS / "heads.json").write_text(strict_json(said, indent=1), "utf-8")
        (part / CARD).write_text(card(recipe, ancestor, metrics, notes), "utf-8")
    return read_saved(folder)


def read_saved(folder: Path) -> SavedModel:
    """What a folder says, without its weights; `default` is the model that comes along.

    Raises:
        ModelError: It is no trained model, or one of another format.
    """
    folder = named_folder(folder)
    file = folder / HEADS / "heads.json"
    if not file.is_file():
        raise ModelError(
            f"{folder} has no {HEADS}/heads.json, as each model of tasks on texts has: rillstream "
            "train makes one, by a recipe without `kind`"
        )
    try:
        said = json.loads(file.read_text("utf-8"))
        if said["format"] != _FORMAT:
            raise ModelError(f"{file} has format {said['format']}, this version reads {_FORMAT}")
        recipe = msgspec.convert(said["recipe"], Recipe)
        metrics = {name: measures_of(each) for name, each in said["metrics"].items()}
        return SavedModel(folder, recipe, said["ancestor"], said["facts"], metrics, said["notes"])
    except DAMAGE as error:
        raise ModelError(f"{file} is damaged ({type(error).__name__}: {error})") from error


def load_model(folder: Path) -> tuple[SavedModel, TextModel]:
    """A saved model with an encoder, whose weights can be learned, merged and saved.

    Raises:
        ModelError: It is no trained model, a damaged one, or one without an encoder.
        EncoderFormatError: Its encoder does not load.
    """
    saved = read_saved(folder)
    if saved.recipe.words is not None:
        raise ModelError(
            f"{saved.folder} reads words and letters and has no encoder: it is fused with models "
            "that have one (rillstream models fuse)"
        )
    settings = BackboneSettings(
        source=str(saved.folder),
        adaptation="frozen",
        max_tokens=saved.recipe.backbone.max_tokens,
    )
    tasks = tasks_of(saved)
    with _loading(saved.folder):
        model = TextModel(LanguageModel(settings), tasks, saved.recipe.sharing)
        load_weights(model.heads, heads_file(saved.folder))
    return saved, model.eval()


def load_answering(folder: Path) -> tuple[SavedModel, TextAnswers | WordsModel]:
    """A saved model, with an encoder or without, ready for answers; sooner than by `load_model`.

    Raises:
        ModelError: It is no trained model, or a damaged one.
        EncoderFormatError: Its encoder does not load.
    """
    saved = read_saved(folder)
    tasks = tasks_of(saved)
    if saved.recipe.words is None:
        with _loading(saved.folder):
            asked = saved.recipe.backbone
            reader = Reader(read_folder(saved.folder), asked.max_tokens, asked.precision)
            answering = TextAnswers(reader, tasks, saved.recipe.sharing)
            load_weights(answering.heads, heads_file(saved.folder))
        return saved, answering.eval()
    try:
        model = WordsModel(saved.recipe.words, tasks)
        load_weights(model.heads, heads_file(saved.folder))
    except DAMAGE as error:
        raise ModelError(f"{saved.folder} is damaged ({error}): train it again") from error
    return saved, model.eval()


@contextmanager
def _loading(folder: Path) -> Iterator[None]:
    """Whatever damaged weights raise in this block becomes one kind of error."""
    try:
        yield
    except DAMAGE as error:
        raise EncoderFormatError(f"{folder} does not load ({error})") from error


def tasks_of(saved: SavedModel) -> dict[str, Task]:
    """The tasks of a model by name, with what they learned that is no weight.

    Raises:
        ModelError: What they learned is not there.
    """
    tasks = {name: make_task(settings) for name, settings in saved.recipe.tasks.items()}
    try:
        for name, task in tasks.items():
            task.set_facts(saved.facts[name])
    except DAMAGE as error:
        raise ModelError(
            f"{saved.folder} is damaged: facts of {name} ({type(error).__name__}: {error})"
        ) from error
    return tasks


def heads_file(folder: Path) -> Path:
    """Where a model's heads are; each tensor's name begins with that of its task."""
    return folder / HEADS / "heads.safetensors"
