"""A GPU without numbers, for machines that have none: is everything moved that has to be?

Tensors that are moved there keep their shape and the device alone (torch's `FakeTensorMode`), and
computing with tensors of two devices is refused, as CUDA does.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

GPU = torch.device("cuda")


def put_in(monkeypatch: pytest.MonkeyPatch) -> FakeTensorMode:
    """Enter what this gives around whatever computes on the GPU."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    to, every = torch.Tensor.to, torch.Tensor.all

    def moved(tensor: Tensor, *where: Any, **more: Any) -> Tensor:
        if "cuda" not in [getattr(each, "type", None) for each in (*where, *more.values())]:
            return to(tensor, *where, **more)
        with mode:
            known = tensor if isinstance(tensor, FakeTensor) else mode.from_tensor(tensor)
            return to(known, *where, **more)

    def all_(tensor: Tensor, *dims: Any, **more: Any) -> Tensor | bool:
        found = every(tensor, *dims, **more)
        # Of a mask: as if something was padded.
        return False if isinstance(found, FakeTensor) and found.dim() == 0 else found

    monkeypatch.setattr(torch.Tensor, "to", moved)
    monkeypatch.setattr(torch.Tensor, "all", all_)
    return mode
