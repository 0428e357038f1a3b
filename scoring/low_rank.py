"""Low-rank updates (LoRA) in peft's own files: read without peft, added to the weights below."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from safetensors.torch import load_file
from torch import Tensor

from scoring.damage import DAMAGE
from scoring.errors import EncoderFormatError
from scoring.folder import UPDATE, UPDATE_WEIGHTS

_PREFIX: Final = "base_model.model."
# What would make the sum below another one.
_PLAIN: Final[Mapping[str, Any]] = {
    "peft_type": "LORA",
    "bias": "none",
    "fan_in_fan_out": False,
    "use_dora": False,
    "use_rslora": False,
    "rank_pattern": {},
    "alpha_pattern": {},
    "modules_to_save": None,
}


def read_update(folder: Path) -> dict[str, Tensor]:
    """Name of a weight -> (out, in) float32 that is to be added to it.

    ``W + (alpha / r) B A`` (Hu et al., ICLR 2022, section 4.1), A (r, in), B (out, r).

    Raises:
        EncoderFormatError: It is another kind of update, or a damaged one.
    """
    try:
        config = json.loads((folder / UPDATE).read_text("utf-8"))
        tensors = load_file(folder / UPDATE_WEIGHTS)
        scale = config["lora_alpha"] / config["r"]
        for name, value in _PLAIN.items():
            if config.get(name, value) != value:
                raise EncoderFormatError(
                    f"{folder / UPDATE} has {name} = {config[name]!r}; only {value!r} is read here"
                )
        return {
            name.removeprefix(_PREFIX).replace(".lora_A.weight", ".weight"): scale
            * tensors[name.replace(".lora_A.", ".lora_B.")].float()
            @ down.float()
            for name, down in tensors.items()
            if ".lora_A." in name
        }
    except DAMAGE as error:
        raise EncoderFormatError(
            f"{folder} holds no low-rank update that can be read ({type(error).__name__}: {error})"
        ) from error


def add_update(weights: Mapping[str, Tensor], folder: Path | None) -> dict[str, Tensor]:
    """The weights, with a folder's update added where there is one; none is written into.

    Raises:
        EncoderFormatError: It is an update of other weights.
    """
    if folder is None:
        return dict(weights)
    update = read_update(folder)
    if strange := [
        name
        for name, added in update.items()
        if name not in weights or weights[name].shape != added.shape
    ]:
        raise EncoderFormatError(f"{folder} updates {strange[0]}, which its encoder has not so")
    return {**weights, **{name: weights[name] + added for name, added in update.items()}}
