"""A trained behaviour model as a folder: safetensors and JSON, nothing that is ever unpickled.

```
behaviour.json           recipe, tables and scales of its columns, labels, metrics
behaviour.safetensors    weights and calibration
README.md                the model card
```
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from scoring.behaviour.card import behaviour_card
from scoring.behaviour.encoding import Encoding
from scoring.behaviour.model import BehaviourModel
from scoring.behaviour.recipe import BehaviourRecipe
from scoring.behaviour.tasks.choice import make_tasks
from scoring.behaviour.tasks.contract import BehaviourTask
from scoring.damage import DAMAGE
from scoring.errors import ModelError
from scoring.saved.card import CARD
from scoring.saved.whole_folder import whole_folder
from scoring.strict_json import measures_of, strict_json
from scoring.training.checkpoint import load_weights, save_weights

SAID: Final = "behaviour.json"
WEIGHTS: Final = "behaviour.safetensors"
_FORMAT: Final = 1

Metrics = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class SavedBehaviour:
    """What a folder says of its model.

    Attributes:
        folder: Where it is.
        recipe: How it was trained.
        encoding: Of its columns.
        facts: Of its tasks, by name.
        metrics: On test rows, by task.
        notes: How it came about.
    """

    folder: Path
    recipe: BehaviourRecipe
    encoding: Encoding
    facts: Mapping[str, Mapping[str, Any]]
    metrics: Metrics
    notes: Mapping[str, Any]

    def version(self) -> str:
        """12 hex digits of weights, tables and labels: what answers depend on."""
        digest = hashlib.sha256((self.folder / WEIGHTS).read_bytes())
        digest.update(msgspec.json.encode([self.encoding, self.facts]))
        return digest.hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A loaded model with what makes rows its inputs, in evaluation mode."""

    saved: SavedBehaviour
    model: BehaviourModel
    tasks: Mapping[str, BehaviourTask]


def is_behaviour(folder: Path) -> bool:
    """Whether a folder claims to hold a behaviour model."""
    return (folder / SAID).is_file()


def write_behaviour(
    folder: Path,
    model: BehaviourModel,
    tasks: Mapping[str, BehaviourTask],
    recipe: BehaviourRecipe,
    encoding: Encoding,
    *,
    metrics: Metrics,
    notes: Mapping[str, Any],
) -> SavedBehaviour:
    """Save a model; the folder appears whole or not at all.

    Raises:
        ModelError: There is something already.
    """
    said = {
        "format": _FORMAT,
        "metrics": metrics,
        "notes": notes,
        "recipe": msgspec.to_builtins(recipe),
        "facts": {name: task.facts() for name, task in tasks.items()},
        "encoding": msgspec.to_builtins(encoding),
    }
    with whole_folder(folder) as part:
        save_weights(model, part / WEIGHTS)
        (part / SAID).write_text(strict_json(said, indent=1), "utf-8")
        (part / CARD).write_text(behaviour_card(recipe, metrics, notes), "utf-8")
    return read_behaviour(folder)


def read_behaviour(folder: Path) -> SavedBehaviour:
    """What a folder says, without its weights.

    Raises:
        ModelError: It holds no behaviour model, or one of another format.
    """
    file = folder / SAID
    try:
        said = json.loads(file.read_text("utf-8"))
        if said["format"] != _FORMAT:
            raise ModelError(f"{file} has format {said['format']}, this version reads {_FORMAT}")
        return SavedBehaviour(
            folder,
            msgspec.convert(said["recipe"], BehaviourRecipe),
            msgspec.convert(said["encoding"], Encoding),
            said["facts"],
            {name: measures_of(each) for name, each in said["metrics"].items()},
            said["notes"],
        )
    except FileNotFoundError as error:
        raise ModelError(f"{file} is not there: make it with rillstream train") from error
    except DAMAGE as error:
        raise ModelError(f"{file} is damaged ({type(error).__name__}: {error})") from error


def load_behaviour(folder: Path) -> Behaviour:
    """A saved model, ready for answers.

    Raises:
        ModelError: It is no behaviour model, or a damaged one.
    """
    saved = read_behaviour(folder)
    try:
        tasks = make_tasks(saved.recipe.tasks)
        for name, task in tasks.items():
            task.set_facts(saved.facts[name])
        outputs = {name: n for task in tasks.values() for name, n in task.outputs.items()}
        model = BehaviourModel(saved.recipe, saved.encoding, outputs)
        load_weights(model, folder / WEIGHTS)
    except DAMAGE as error:
        raise ModelError(
            f"{folder} does not load ({type(error).__name__}: {error}): train it again"
        ) from error
    model.eval().requires_grad_(False)
    return Behaviour(saved, model, tasks)
