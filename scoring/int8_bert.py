"""BERT's layers with 8-bit weights, for few short texts: an ONNX Runtime session.

A query of six tokens costs what it takes to read the weights, so a quarter of the bytes is most of
the time. Weights and tokens are rounded in blocks of 32 numbers, each block with a scale of its
own (MatMulNBits, `accuracy_level` 4): an outlier spoils 32 numbers and not a matrix, and what a
text becomes does not depend on its batch, as it does where one scale serves a whole batch
(torch's and ONNX Runtime's dynamic quantisation). docs/ranking.md has the figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_BLOCK: Final = 32
_LARGEST: Final = 127
_ZERO: Final = 128  # codes are unsigned: 128 stands for 0
_INT8_PRODUCTS: Final = 4  # accuracy_level: multiply in int8, not in float32
_CONTRIB: Final = "com.microsoft"
_OPSET: Final = 21
_IR_VERSION: Final = 10


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
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A pool that spins between two queries takes the cores of the agents beside it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            _model(weights, config), options, providers=["CPUExecutionProvider"]
        )
        self._embed = embed

    def __call__(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """(n, T) token ids and (n, T) mask of 0 and 1 -> (n, T, d) token vectors."""
        given = {"x": self._embed(tokens).float().numpy(), "mask": mask.to(torch.int32).numpy()}
        (hidden,) = self._session.run(None, given)
        return torch.from_numpy(hidden)


def quantised(weight: Tensor) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """(out, in) float32 -> (out, blocks, 32) codes and (out, blocks) scales.

    `weight ≈ (codes - 128) · scales`, off by half a scale at most; `in` is filled up with zeros.
    """
    width = weight.shape[1]
    filled = torch.nn.functional.pad(weight.float(), (0, -width % _BLOCK))
    blocks = filled.view(len(weight), -1, _BLOCK)  # (out, blocks, 32)
    scales = blocks.abs().amax(dim=2) / _LARGEST  # (out, blocks)
    steps = blocks / scales.clamp(min=torch.finfo(torch.float32).tiny)[..., None]
    codes: NDArray[np.uint8] = (steps.round() + _ZERO).to(torch.uint8).numpy()
    return codes, scales.numpy()


class _Graph:
    """Nodes and constants of one ONNX graph, in the order in which they are asked for."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, array: NDArray[Any]) -> str:
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, kind: str, inputs: list[str], *, outputs: int = 1, **how: Any) -> list[str]:
        """One node; the names of what it gives."""
        from onnx import helper

        names = [f"n{len(self.nodes)}_{place}" for place in range(outputs)]
        self.nodes.append(helper.make_node(kind, inputs, names, **how))
        return names

    def linear(self, x: str, weight: Tensor, bias: Tensor) -> str:
        """`x @ weight.T + bias`."""
        codes, scales = quantised(weight)
        out, width = weight.shape
        (y,) = self.add(
            "MatMulNBits",
            [x, self.constant(codes), self.constant(scales), "", "", self.constant(bias.numpy())],
            domain=_CONTRIB,
            N=out,
            K=width,
            bits=8,
            block_size=_BLOCK,
            accuracy_level=_INT8_PRODUCTS,
        )
        return y


def _model(weights: Mapping[str, Tensor], config: Mapping[str, Any]) -> bytes:
    """The stack as an ONNX file: x (n, T, d) and mask (n, T) -> hidden (n, T, d)."""
    from onnx import TensorProto, helper

    width, eps = config["hidden_size"], config.get("layer_norm_eps", 1e-12)
    graph = _Graph()

    def norm(prefix: str) -> list[str]:
        names = (f"{prefix}.LayerNorm.weight", f"{prefix}.LayerNorm.bias")
        return [graph.constant(weights[name].numpy()) for name in names]

    def linear(x: str, *names: str) -> str:
        """The projections called `names`, side by side in one product."""
        rows = torch.cat([weights[f"{name}.weight"] for name in names])
        return graph.linear(x, rows, torch.cat([weights[f"{name}.bias"] for name in names]))

    def added(x: str, y: str, prefix: str) -> str:
        return graph.add(
            "SkipLayerNormalization", [x, y, *norm(prefix)], domain=_CONTRIB, epsilon=eps
        )[0]

    (x,) = graph.add("LayerNormalization", ["x", *norm("embeddings")], epsilon=eps)
    for depth in range(config["num_hidden_layers"]):
        block = f"encoder.layer.{depth}"
        parts = (f"{block}.attention.self.{name}" for name in ("query", "key", "value"))
        split = graph.add("Split", [linear(x, *parts)], outputs=3, axis=-1, num_outputs=3)
        (mixed,) = graph.add(
            "MultiHeadAttention",
            [*split, "", "mask"],  # queries, keys, values, no bias
            domain=_CONTRIB,
            num_heads=config["num_attention_heads"],
        )
        attended = linear(mixed, f"{block}.attention.output.dense")
        x = added(attended, x, f"{block}.attention.output")
        (wide,) = graph.add("Gelu", [linear(x, f"{block}.intermediate.dense")], domain=_CONTRIB)
        x = added(linear(wide, f"{block}.output.dense"), x, f"{block}.output")
    shape = ["n", "t", width]
    made = helper.make_graph(
        graph.nodes,
        "bert",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, shape),
            helper.make_tensor_value_info("mask", TensorProto.INT32, shape[:2]),
        ],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, shape)],
        graph.constants,
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CONTRIB, 1)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=_IR_VERSION)
    raw: bytes = model.SerializeToString()
    return raw
