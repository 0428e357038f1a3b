"""MiniLM in every form that was weighed for serving; `bench_encoder` compares them.

A form is what could replace `scoring.bert.Bert` (or the whole encoder) behind the same two
questions. Those of the product are `load_encoder`'s own; the rest is here only to be measured.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring import load_encoder
from scoring.backbone import Backbone, Backbones
from scoring.bert import Bert, read_weights
from scoring.folder import find_folder, read_folder
from scoring.int8_bert import Int8Bert, session
from scoring.onnx_bert import CONTRIB, BertGraph, bert_file

ITEM_TOKENS: Final = 45

Vectors = NDArray[np.float32]


class Towers(Protocol):
    """What is measured of a form; `scoring.Encoder` is one."""

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Texts (n) -> (n, d) unit vectors."""

    def encode_items(self, texts: Sequence[str]) -> Vectors:
        """Texts (n) -> (n, d) unit vectors."""


def towers(backbone: Backbone | None = None, precision: Any = "float32") -> Towers:
    """The product's encoder, with another stack in it if one is given."""
    encoder = load_encoder(threads=1, max_tokens=ITEM_TOKENS, precision=precision)
    if backbone is not None:
        encoder._backbones = Backbones(backbone, backbone, at_once=32)
    return encoder


def transformers_model() -> Any:
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = AutoModel.from_pretrained(find_folder(None), local_files_only=True, dtype=torch.float32)
    return model.eval().requires_grad_(False)


def hidden(model: Any) -> Backbone:
    def forward(tokens: Tensor, mask: Tensor) -> Tensor:
        found: Tensor = model(input_ids=tokens, attention_mask=mask).last_hidden_state
        return found

    return forward


def torch_dynamic_int8() -> Towers:
    """The one of torch itself: weights by channel, one scale for all activations of a batch."""
    from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        spec = {torch.nn.Linear: per_channel_dynamic_qconfig}
        quantised = quantize_dynamic(  # type: ignore[no-untyped-call]
            transformers_model(), spec
        )
        return towers(hidden(quantised))


def torch_int8_by_token() -> Towers:
    """Our path with `torch._int_mm`: weights by channel, a scale for each token."""
    with patch("scoring.bert.linear", _int_mm_linear):
        return towers(_bert(torch.float32))


def _int_mm_linear(weight: Tensor, bias: Tensor) -> Callable[[Tensor], Tensor]:
    by_channel = weight.abs().amax(dim=1) / 127  # (out,)
    codes = (weight / by_channel[:, None]).round().to(torch.int8).t()  # (in, out)

    def product(x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        by_token = rows.abs().amax(dim=1, keepdim=True) / 127  # (n·T, 1)
        sums = torch._int_mm((rows / by_token).round().to(torch.int8), codes)
        return torch.addcmul(bias, sums * by_channel, by_token).view(*x.shape[:-1], -1)

    return product


def compiled() -> Towers:
    """TorchInductor with frozen weights; its compiler runs for a minute at the first calls."""
    from torch._inductor import config

    config.freezing = True
    model = transformers_model().to(torch.bfloat16)
    return towers(hidden(torch.compile(model, dynamic=True)))


class PlainGraph(BertGraph):
    """float32 throughout."""

    def linear(self, x: str, weight: Tensor, bias: Tensor) -> str:
        (y,) = self.add("MatMul", [x, self.constant(weight.t().numpy())])
        return self.add("Add", [y, self.constant(bias.numpy())])[0]


class DynamicGraph(BertGraph):
    """ONNX Runtime's dynamic quantisation: one scale for all activations of a batch."""

    by_channel = True

    def linear(self, x: str, weight: Tensor, bias: Tensor) -> str:
        largest = weight.abs().amax(dim=1) if self.by_channel else weight.abs().amax()
        scales = largest / 127
        codes = (weight.t() / scales).round().to(torch.int8).numpy()
        zeros = np.zeros(scales.shape, dtype=np.int8)
        constants = [self.constant(a) for a in (codes, scales.numpy(), zeros, bias.numpy())]
        return self.add("DynamicQuantizeMatMul", [x, *constants], domain=CONTRIB)[0]


class TensorGraph(DynamicGraph):
    """The same with one scale for a whole matrix of weights."""

    by_channel = False


def by_onnx(graph: BertGraph) -> Towers:
    """The product's ONNX stack with other linear layers."""
    weights, config = _minilm()
    return towers(_Session(bert_file(graph, weights, config), _bert(torch.float32).embed))


class _Session(Int8Bert):
    def __init__(self, file: bytes, embed: Callable[[Tensor], Tensor]) -> None:
        self._session = session(file, threads=1)
        self._embed = embed


def _bert(dtype: torch.dtype) -> Bert:
    return Bert(*_minilm(), dtype, torch.device("cpu"))


def _minilm() -> tuple[dict[str, Tensor], Mapping[str, Any]]:
    folder = read_folder(find_folder(None))
    return read_weights(folder.path), folder.config


FORMS: Final[Mapping[str, Callable[[], Towers]]] = {
    "transformers, float32": lambda: towers(hidden(transformers_model())),
    "ours, float32": towers,
    "ours, bfloat16": lambda: towers(precision="bfloat16"),
    "ours, int8 queries (auto)": lambda: towers(precision="int8"),
    "torch.compile, bfloat16": compiled,
    "torch int8, dynamic": torch_dynamic_int8,
    "torch int8, by token": torch_int8_by_token,
    "ONNX float32": lambda: by_onnx(PlainGraph()),
    "ONNX int8, by tensor": lambda: by_onnx(TensorGraph()),
    "ONNX int8, by channel": lambda: by_onnx(DynamicGraph()),
}
