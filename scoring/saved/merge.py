"""Fusion of models with one ancestor: the weighted mean of their weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from scoring.errors import ModelError
from scoring.saved.folder import SavedModel, load_model, write_model
from scoring.training.recipe import BackboneSettings


def merge(folders: Sequence[Path], weights: Sequence[float], out: Path) -> SavedModel:
    """Average models that were trained from the same encoder (Wortsman et al., ICML 2022).

    What was learned by each is kept in part by all; models from other beginnings have nothing in
    common and their mean is noise, so they are refused.

    Args:
        folders: Of two models or more, with the same tasks and labels.
        weights: One each, above 0; they are divided by their sum.
        out: Where nothing is yet.

    Returns:
        The new model, without metrics: measure it with ``rillstream evaluate``.

    Raises:
        ModelError: They have another ancestor, other tasks, labels or adapters, or numbers that do
            not fit.
    """
    fit = all(0 < weight < math.inf for weight in weights)
    if len(folders) < 2 or len(weights) != len(folders) or not fit:
        raise ModelError(
            f"{len(folders)} models and {len(weights)} weights: two models at least, and a weight "
            "above 0 for each"
        )
    loaded = [load_model(folder) for folder in folders]
    first, model = loaded[0]
    for other, _ in loaded[1:]:
        _check_alike(first, other)
    shares = [weight / sum(weights) for weight in weights]
    model.load_state_dict(mean_of([each.state_dict() for _, each in loaded], shares))
    return write_model(
        out,
        model,
        first.recipe,
        ancestor=first.ancestor,
        metrics={},
        notes={
            "merged of": ", ".join(
                f"{share:.3f} {saved.recipe.name} {saved.version()}"
                for share, (saved, _) in zip(shares, loaded, strict=True)
            )
        },
    )


def mean_of(states: Sequence[Mapping[str, Tensor]], shares: Sequence[float]) -> dict[str, Tensor]:
    """Weighted mean of tensors by name; integers (positions) are those of the first."""
    return {
        name: torch.stack(
            [share * state[name].double() for share, state in zip(shares, states, strict=True)]
        )
        .sum(dim=0)
        .to(value.dtype)
        if value.is_floating_point()
        else value
        for name, value in states[0].items()
    }


def _check_alike(first: SavedModel, other: SavedModel) -> None:
    if first.ancestor != other.ancestor:
        raise ModelError(
            f"{first.folder} began as {first.ancestor}, {other.folder} as {other.ancestor}: only "
            "models with one ancestor can be merged"
        )
    if _asked(first) != _asked(other):
        raise ModelError(
            f"{first.folder} and {other.folder} have other tasks or labels: train both with them"
        )
    if first.recipe.sharing != other.recipe.sharing:
        raise ModelError(
            f"{first.folder} and {other.folder} have other experts (sharing): train both alike"
        )
    ours, theirs = (each.recipe.backbone for each in (first, other))
    if _added(ours) != _added(theirs):
        raise ModelError(
            f"{first.folder} has adapters of width {_added(ours)}, {other.folder} of "
            f"{_added(theirs)} (0 = none): their layers have other shapes and cannot be averaged"
        )


def _asked(saved: SavedModel) -> dict[str, tuple[type, object]]:
    """Task -> what it is, and its labels or scale."""
    return {name: (type(each), saved.facts[name]) for name, each in saved.recipe.tasks.items()}


def _added(backbone: BackboneSettings) -> int:
    """Units that a layer has gained in training."""
    return backbone.adapters.width if backbone.adaptation == "adapters" else 0
