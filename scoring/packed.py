"""Linear layers whose weights lie in memory as oneDNN wants them: the same numbers, sooner.

`torch.nn.functional.linear` on the CPU reorders the weights for every call, which costs as much as
the product itself when a query has six tokens. docs/benchmarks-ranking.md has what it gains.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

_mkldnn = torch.ops.mkldnn


def linear(weight: Tensor, bias: Tensor) -> Callable[[Tensor], Tensor]:
    """`x @ weight.T + bias` for inference, packed where this build of torch can, on the CPU.

    Args:
        weight: (out, in).
        bias: (out,).

    Returns:
        (..., in) -> (..., out).
    """
    if weight.device.type != "cpu" or not _can_pack():
        return partial(torch.nn.functional.linear, weight=weight, bias=bias)
    packed = _mkldnn._reorder_linear_weight(weight, None)  # noqa: SLF001 - TorchInductor's own
    return partial(_product, packed, bias)


def _product(packed: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    found: Tensor = _mkldnn._linear_pointwise(x, packed, bias, "none", [], "")  # noqa: SLF001
    return found


def _can_pack() -> bool:
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    names = ("_reorder_linear_weight", "_linear_pointwise")
    return bool(available) and all(hasattr(_mkldnn, name) for name in names)
