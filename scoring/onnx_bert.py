"""BERT's layers as an ONNX graph; how a linear layer is computed is up to the kind of graph.

Attention and GELU are ONNX Runtime's own fused operators. Its fused norm of a sum is not used: two
operators are sooner done, by a tenth of a query's time (version 1.31).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

CONTRIB: Final = "com.microsoft"
_OPSET: Final = 21
_IR_VERSION: Final = 10


class BertGraph(ABC):
    """Nodes and constants of one ONNX graph, in the order in which they are asked for."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    @abstractmethod
    def linear(self, x: str, weight: Tensor, bias: Tensor) -> str:
        """`x @ weight.T + bias`; weight (out, in) and bias (out,) in float32."""

    def constant(self, array: NDArray[Any]) -> str:
        """The name of an array that is part of the file."""
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


def bert_file(graph: BertGraph, weights: Mapping[str, Tensor], config: Mapping[str, Any]) -> bytes:
    """The stack as an ONNX file: x (n, T, d) float32 and mask (n, T) int32 -> (n, T, d) float32.

    Args:
        graph: An empty one.
        weights: float32, by the name that they have below `bert.`.
        config: The folder's `config.json`.

    Raises:
        KeyError: A weight is missing.
    """
    from onnx import TensorProto, helper

    width, eps = config["hidden_size"], config.get("layer_norm_eps", 1e-12)

    def norm(prefix: str) -> list[str]:
        names = (f"{prefix}.LayerNorm.weight", f"{prefix}.LayerNorm.bias")
        return [graph.constant(weights[name].numpy()) for name in names]

    def linear(x: str, *names: str) -> str:
        """The projections called `names`, side by side in one product."""
        rows = torch.cat([weights[f"{name}.weight"] for name in names])
        return graph.linear(x, rows, torch.cat([weights[f"{name}.bias"] for name in names]))

    def added(x: str, y: str, prefix: str) -> str:
        (total,) = graph.add("Add", [x, y])
        return graph.add("LayerNormalization", [total, *norm(prefix)], epsilon=eps)[0]

    (x,) = graph.add("LayerNormalization", ["x", *norm("embeddings")], epsilon=eps)
    for depth in range(config["num_hidden_layers"]):
        block = f"encoder.layer.{depth}"
        parts = (f"{block}.attention.self.{name}" for name in ("query", "key", "value"))
        split = graph.add("Split", [linear(x, *parts)], outputs=3, axis=-1, num_outputs=3)
        (mixed,) = graph.add(
            "MultiHeadAttention",
            [*split, "", "mask"],  # queries, keys, values, no bias
            domain=CONTRIB,
            num_heads=config["num_attention_heads"],
        )
        attended = linear(mixed, f"{block}.attention.output.dense")
        x = added(attended, x, f"{block}.attention.output")
        (wide,) = graph.add("Gelu", [linear(x, f"{block}.intermediate.dense")], domain=CONTRIB)
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
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(CONTRIB, 1)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=_IR_VERSION)
    raw: bytes = model.SerializeToString()
    return raw
