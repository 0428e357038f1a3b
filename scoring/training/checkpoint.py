"""A training's state on disk: safetensors and JSON, replaced in one step, never pickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from scoring.damage import DAMAGE
from scoring.errors import CheckpointError
from scoring.saved.whole_folder import settle

_POINTER: Final = "checkpoint.json"
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state as it was read.

    Attributes:
        tensors: By name: ``model.…``, ``balancer.…``, ``optimizer.…``, ``rng.…``.
        facts: What JSON holds of it.
    """

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """Tensors whose names begin with the prefix, without it."""
        return {
            name.removeprefix(prefix): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(prefix)
        }


def write(folder: Path, name: str, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Replace the folder's checkpoint. Killed at any moment, the old or the new one is there.

    Args:
        folder: Made where it is missing.
        name: Of this state, unlike the one before.
        tensors: Copied, so that tied weights may be among them.
        facts: What JSON can hold.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.safetensors"
    part = file.with_suffix(".part")
    save_file({key: tensor.detach().cpu().clone() for key, tensor in tensors.items()}, part)
    settle(part, file)
    pointer = folder / f"{_POINTER}.part"
    pointer.write_text(json.dumps({"format": _FORMAT, "tensors": file.name, **facts}), "utf-8")
    settle(pointer, folder / _POINTER)
    kept = {file.name, facts.get("best_file")}
    for old in folder.glob("*.safetensors"):
        if old.name not in kept:
            old.unlink()


def read(folder: Path) -> Checkpoint | None:
    """The folder's checkpoint, None where there is none.

    Raises:
        CheckpointError: It is damaged, or of another format.
    """
    pointer = folder / _POINTER
    if not pointer.is_file():
        return None
    try:
        facts = json.loads(pointer.read_text("utf-8"))
        if facts["format"] != _FORMAT:
            raise CheckpointError(
                f"{pointer} has format {facts['format']}, this version reads {_FORMAT}: "
                "begin anew with --restart"
            )
        return Checkpoint(load_file(folder / facts["tensors"]), facts)
    except DAMAGE as error:
        raise CheckpointError(
            f"{folder} holds no whole checkpoint ({type(error).__name__}: {error}): "
            "begin anew with --restart"
        ) from error


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """State of an optimiser whose entries are tensors, as AdamW's are: by place and name."""
    state: dict[int, dict[str, Tensor]] = optimizer.state_dict()["state"]
    return {
        f"{place}.{name}": tensor
        for place, entry in state.items()
        for name, tensor in entry.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser of the same parameters the state of `optimizer_tensors`."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        place, name = key.split(".", 1)
        state.setdefault(int(place), {})[name] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def random_tensors() -> dict[str, Tensor]:
    """State of torch's generators; nothing else in a training draws from a global one."""
    states = {"cpu": torch.get_rng_state()}
    for device in range(torch.cuda.device_count()):
        states[f"cuda.{device}"] = torch.cuda.get_rng_state(device)
    return states


def restore_random(states: Mapping[str, Tensor]) -> None:
    """Set torch's generators to `random_tensors`."""
    for name, state in states.items():
        if name == "cpu":
            torch.set_rng_state(state)
        else:
            torch.cuda.set_rng_state(state, int(name.removeprefix("cuda.")))


def save_weights(module: nn.Module, file: Path) -> None:
    """A module's weights as safetensors."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    save_file({name: value.cpu().clone() for name, value in module.state_dict().items()}, part)
    settle(part, file)


def load_weights(module: nn.Module, file: Path) -> None:
    """Give a module the weights of `save_weights`."""
    module.load_state_dict(load_file(file))
