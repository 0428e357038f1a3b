"""Where torch computes: the processor, or a GPU that is there."""

from __future__ import annotations

import torch

from scoring.errors import DeviceError


def device_of(name: str) -> torch.device:
    """The device of a name.

    Args:
        name: `cpu`, `cuda`, or `cuda:1` for the second GPU.

    Raises:
        DeviceError: torch knows none of that name, or sees no such GPU.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"{name!r} is no device: use cpu, cuda or cuda:1") from error
    if device.type not in ("cpu", "cuda"):
        raise DeviceError(f"{name!r} is not supported: use cpu, cuda or cuda:1")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        n = torch.cuda.device_count()
        raise DeviceError(
            f"{name} is asked for and torch {torch.__version__} sees {n or 'no'} GPU"
            f"{'s' if n > 1 else ''}: look at nvidia-smi and CUDA_VISIBLE_DEVICES, or use cpu"
        )
    return device
