"""BERT's layers with 8-bit weights, for few short texts: an ONNX Runtime session.

A query of six tokens costs what it takes to read the weights, so a quarter of the bytes is most of
the time. Weights and tokens are rounded in blocks of 64 numbers, each block with a scale of its
own (MatMulNBits, `accuracy_level` 4): an outlier spoils 64 numbers and not a matrix, and what a
text becomes does not depend on its batch, as it does where one scale serves a whole batch
(torch's and ONNX Runtime's dynamic quantisation). docs/benchmarks-ranking.md has the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.onnx_bert import CONTRIB, BertGraph, bert_file

_BLOCK: Final = 64  # with 128, ONNX Runtime 1.31 gives a text another vector in a batch
_LARGEST: Final = 127
_ZERO: Final = 128  # codes are unsigned: 128 stands for 0
_INT8_PRODUCTS: Final = 4  # accuracy_level: multiply in int8, not in float32


def can_run() -> bool:
    """Whether the packages of the extra `onnx` are there."""
    return find_spec("onnxruntime") is not None and find_spec("onnx") is not None


class Int8Bert:
    """The encoder stack, for inference on the CPU. Runs beside a `Bert`, whose table it shares.

    Args:
        weights: float32, by the name that they have below `bert.`; not kept.
        config: The folder's `config.json`.
        embed: `Bert.embed`: (n, T) token ids -> (n, T, d), before the first norm.
        threads: Size of the session's own pool; 1 = none, the caller's thread does it all.

    Raises:
        KeyError: A weight is missing.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        config: Mapping[str, Any],
        embed: Callable[[Tensor], Tensor],
        threads: int,
    ) -> None:
        self._session = session(bert_file(_Blocks(), weights, config), threads)
        self._embed = embed

    def __call__(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(n, T) token ids and (n, T) mask of 0 and 1 -> (n, T, d) token vectors."""
        given = {"x": self._embed(tokens).float().numpy(), "mask": mask.to(torch.int32).numpy()}
        (hidden,) = self._session.run(None, given)
        return torch.from_numpy(hidden)


def session(file: bytes, threads: int) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU, with a pool of `threads`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # What goes further fuses sum and norm into an operator that is slower than the two.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    # A pool that spins between two queries takes the cores of the agents beside it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def quantised(weight: Tensor) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """(out, in) float32 -> (out, blocks, 64) codes and (out, blocks) scales.

    `weight ≈ (codes - 128) · scales`, off by half a scale at most; `in` is filled up with zeros.
    """
    width = weight.shape[1]
    filled = torch.nn.functional.pad(weight.float(), (0, -width % _BLOCK))
    blocks = filled.view(len(weight), -1, _BLOCK)  # (out, blocks, 64)
    scales = blocks.abs().amax(dim=2) / _LARGEST  # (out, blocks)
    steps = blocks / scales.clamp(min=torch.finfo(torch.float32).tiny)[..., None]
    codes: NDArray[np.uint8] = (steps.round() + _ZERO).to(torch.uint8).numpy()
    return codes, scales.numpy()


class _Blocks(BertGraph):
    def linear(self, x: str, weight: Tensor, bias: Tensor) -> str:
        codes, scales = quantised(weight)
        out, width = weight.shape
        (y,) = self.add(
            "MatMulNBits",
            [x, self.constant(codes), self.constant(scales), "", "", self.constant(bias.numpy())],
            domain=CONTRIB,
            N=out,
            K=width,
            bits=8,
            block_size=_BLOCK,
            accuracy_level=_INT8_PRODUCTS,
        )
        return y
