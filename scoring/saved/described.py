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
from scoring.related.recipe import RelatedRecipe
from scoring.related.table import TABLE, RelatedItems, is_related
from scoring.saved.facts import facts_of
from scoring.saved.folder import HEADS, read_saved
from scoring.sequence.recipe import SequenceRecipe
from scoring.sequence.saved import WEIGHTS as TOWER_WEIGHTS
from scoring.sequence.saved import is_tower, tower_version


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
    kinds = (is_behaviour, is_fused, is_ranker, is_related, is_tower)
    return any(kind(folder) for kind in kinds) or (folder / HEADS / "heads.json").is_file()


def described(folder: Path) -> Described:
    """Read it.

    Raises:
        ModelError: It is no trained model, or one of another format.
        RankerError, TowerFormatError: It is one that cannot be used.
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
    if is_related(folder):
        version = RelatedItems.load(folder).version
        return _of_events(folder, version, RelatedRecipe, TABLE)
    if is_tower(folder):
        return _of_events(folder, tower_version(folder), SequenceRecipe, TOWER_WEIGHTS)
    saved = read_saved(folder)
    update = (saved.folder / UPDATE_WEIGHTS).is_file()
    encoder = (UPDATE_WEIGHTS if update else "model.safetensors",) if saved.ancestor else ()
    return Described(
        saved.folder,
        saved.version(),
        saved.ancestor,
        tuple(saved.recipe.tasks),
        saved.metrics,
        msgspec.to_builtins(saved.recipe),
        (*encoder, f"{HEADS}/heads.safetensors"),
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


def _of_events(
    folder: Path, version: str, kind: type[RelatedRecipe | SequenceRecipe], weights: str
) -> Described:
    recipe, measures = facts_of(folder, kind)
    said = msgspec.to_builtins(recipe)
    return Described(
        folder, version, None, (recipe.kind,), {recipe.kind: measures}, said, (weights,)
    )
