"""What any trained model's folder says of itself, whatever its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from scoring.behaviour.saved import WEIGHTS, is_behaviour, read_behaviour
from scoring.folder import UPDATE_WEIGHTS
from scoring.fusion.saved import is_fused, read_fused
from scoring.ranker.ranker import WEIGHTS as RANKER_WEIGHTS
from scoring.ranker.ranker import is_ranker, load_ranker
from scoring.ranker.saved import read_facts
from scoring.saved.folder import HEADS, read_saved


@dataclass(frozen=True, slots=True)
class Described:
    """A trained model, without its weights.

    Attributes:
        folder: Where it is; its card is README.md there.
        version: Of what its answers depend on: 12 hex digits, or the versions of its parts.
        ancestor: Version of the encoder that it began as; None = it has none.
        tasks: Their names.
        metrics: On test rows: task -> measure -> value.
        recipe: How it was trained, as JSON has it.
        weights: Files of weights, beneath the folder.
    """

    folder: Path
    version: str
    ancestor: str | None
    tasks: tuple[str, ...]
    metrics: Mapping[str, Mapping[str, float]]
    recipe: Mapping[str, Any]
    weights: tuple[str, ...]


def is_model(folder: Path) -> bool:
    """Whether a folder claims to hold a model that can be described."""
    kinds = (is_behaviour, is_fused, is_ranker)
    return any(kind(folder) for kind in kinds) or (folder / HEADS / "heads.json").is_file()


def described(folder: Path) -> Described:
    """Read it.

    Raises:
        ModelError: It is no trained model, or one of another format.
    """
    if is_behaviour(folder):
        heads = read_behaviour(folder)
        return Described(
            folder,
            heads.version(),
            None,
            tuple(heads.recipe.tasks),
            heads.metrics,
            msgspec.to_builtins(heads.recipe),
            (WEIGHTS,),
        )
    if is_fused(folder):
        fused = read_fused(folder)
        first = fused.as_one.recipe
        members = {str(each.folder.name): each.version() for each in fused.members}
        return Described(
            folder,
            fused.version(),
            None,
            tuple(first.tasks),
            {},
            {"weights": list(fused.weights), "members": members},
            (),
        )
    if is_ranker(folder):
        return _ranker(folder)
    saved = read_saved(folder)
    update = (saved.folder / UPDATE_WEIGHTS).is_file()
    return Described(
        saved.folder,
        saved.version(),
        saved.ancestor,
        tuple(saved.recipe.tasks),
        saved.metrics,
        msgspec.to_builtins(saved.recipe),
        (UPDATE_WEIGHTS if update else "model.safetensors", f"{HEADS}/heads.safetensors"),
    )


def _ranker(folder: Path) -> Described:
    ranker, facts = load_ranker(folder), read_facts(folder)
    return Described(
        folder,
        f"{ranker.heads.version}+{ranker.version}",
        None,
        ranker.heads.tasks,
        facts.measures,
        msgspec.to_builtins(facts.recipe),
        RANKER_WEIGHTS,
    )
