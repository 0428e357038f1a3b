"""What tells two models apart: settings, metrics, and how far the weights are from each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from scoring.saved.described import Described, described

_MISSING = "–"


def differences(first: Path, second: Path) -> Iterator[tuple[str, object, object]]:
    """What differs, as (name, in the first, in the second); equal things are left out.

    Raises:
        ModelError: One of them is no trained model.
    """
    a, b = described(first), described(second)
    ours, theirs = dict(_leaves("", _said(a))), dict(_leaves("", _said(b)))
    for name in dict.fromkeys([*ours, *theirs]):
        one, other = ours.get(name, _MISSING), theirs.get(name, _MISSING)
        if one != other and not (one != one and other != other):  # nan is not even itself
            yield name, one, other
    for file in dict.fromkeys([*a.weights, *b.weights]):
        if (distance := weight_distance(a.folder / file, b.folder / file)) != 0:
            yield f"distance of {file}", 0.0, distance if distance is not None else _MISSING


def weight_distance(first: Path, second: Path) -> float | None:
    """``‖a − b‖ / ‖a‖`` over all weights; None where files or shapes are not the same."""
    if not (first.is_file() and second.is_file()):
        return None
    apart, size = 0.0, 0.0
    with safe_open(first, "pt") as a, safe_open(second, "pt") as b:
        if set(a.keys()) != set(b.keys()):
            return None
        for name in a.keys():
            one, other = a.get_tensor(name), b.get_tensor(name)
            if one.shape != other.shape:
                return None
            apart += float((one.double() - other.double()).square().sum())
            size += float(torch.as_tensor(one).double().square().sum())
    return round((apart / size) ** 0.5, 6) if size else 0.0


def _said(model: Described) -> dict[str, Any]:
    return {
        "version": model.version,
        "ancestor": model.ancestor,
        "metrics": model.metrics,
        "recipe": model.recipe,
    }


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from _leaves(f"{prefix}.{name}" if prefix else str(name), part)
    else:
        yield prefix, value
