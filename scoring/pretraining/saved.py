"""A pretrained encoder as a folder: an encoder like any other, with what it came from.

```
config.json, model.safetensors, tokenizer.json, 1_Pooling/ …   what `load_encoder` reads
pretraining/words_head.safetensors                              so that another pretraining goes on
pretraining/pretraining.json                                    recipe, measures before and after
README.md                                                       the model card
```
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from scoring.damage import DAMAGE
from scoring.errors import ModelError
from scoring.pretraining.model import PretrainingModel
from scoring.pretraining.recipe import Pretraining
from scoring.saved.card import CARD, written
from scoring.saved.encoder_files import write_encoder
from scoring.saved.whole_folder import whole_folder
from scoring.strict_json import measures_of, strict_json
from scoring.training.checkpoint import load_weights, save_weights

_FOLDER: Final = "pretraining"
_HEAD: Final = "words_head.safetensors"
_FACTS: Final = "pretraining.json"
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Gain:
    """What was measured on held-out rows.

    Attributes:
        before: By measure, as the encoder came.
        after: The same.
    """

    before: Mapping[str, float]
    after: Mapping[str, float]


def write_pretrained(
    folder: Path,
    model: PretrainingModel,
    recipe: Pretraining,
    *,
    ancestor: str,
    gain: Gain,
    notes: Mapping[str, Any],
) -> None:
    """Save it; the folder appears whole or not at all.

    Args:
        folder: Where nothing is yet.
        model: As trained.
        recipe: How it was.
        ancestor: Version of the encoder that it began as.
        gain: For the card.
        notes: For the card.

    Raises:
        ModelError: There is something already.
    """
    with whole_folder(folder) as part:
        write_encoder(part, model.language)
        (part / _FOLDER).mkdir()
        if model.words_head is not None:
            save_weights(model.words_head, part / _FOLDER / _HEAD)
        facts = {
            "format": _FORMAT,
            "ancestor": ancestor,
            "before": gain.before,
            "after": gain.after,
            "notes": notes,
            "recipe": msgspec.to_builtins(recipe),
        }
        (part / _FOLDER / _FACTS).write_text(strict_json(facts, indent=1), "utf-8")
        (part / CARD).write_text(_card(recipe, ancestor, gain, notes), "utf-8")


def read_gain(folder: Path) -> Gain:
    """What was measured when it was made.

    Raises:
        ModelError: It is no pretrained encoder, or a damaged one.
    """
    file = folder / _FOLDER / _FACTS
    try:
        said = json.loads(file.read_text("utf-8"))
        if said["format"] != _FORMAT:
            raise ModelError(f"{file} has format {said['format']}, this version reads {_FORMAT}")
        return Gain(measures_of(said["before"]), measures_of(said["after"]))
    except DAMAGE as error:
        raise ModelError(
            f"{folder} is no encoder of rillstream pretrain ({type(error).__name__}: {error})"
        ) from error


def load_words_head(model: PretrainingModel, folder: Path) -> bool:
    """Give a model the head of an earlier pretraining, where the folder of its encoder has one.

    Raises:
        ModelError: It is damaged.
    """
    file = folder / _FOLDER / _HEAD
    if model.words_head is None or not file.is_file():
        return False
    try:
        load_weights(model.words_head, file)
    except DAMAGE as error:
        raise ModelError(f"{file} does not fit its encoder ({error})") from error
    return True


def _card(recipe: Pretraining, ancestor: str, gain: Gain, notes: Mapping[str, Any]) -> str:
    measured = [
        "## Measured on held-out rows",
        "",
        "Hidden words: perplexity (e to the mean loss of a hidden token) and accuracy. Pairs: mean "
        "reciprocal rank of the right text among all held-out ones.",
        "",
        "| measure | before | after |",
        "|---|---|---|",
        *_lines(gain),
    ]
    began = f"It began as encoder `{ancestor}` (adaptation: {recipe.backbone.adaptation})."
    settings = {
        "weights": recipe.weights,
        "masking": recipe.masking,
        "batch_size": recipe.batch_size,
        "training": recipe.training,
    }
    return written(recipe.name, recipe.card, [began], measured, notes, settings)


def _lines(gain: Gain) -> Iterator[str]:
    for name, value in gain.after.items():
        yield f"| {name} | {gain.before[name]:.4f} | {value:.4f} |"
