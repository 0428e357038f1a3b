"""Which transformer a folder holds, ready for inference: one form for items, one for queries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import torch
from torch import Tensor

from scoring.bert import Bert, is_plain_bert, read_weights
from scoring.bfloat16 import multiplies_in_bfloat16
from scoring.errors import PrecisionError
from scoring.folder import EncoderFolder
from scoring.int8_bert import Int8Bert, can_run
from scoring.low_rank import add_update
from scoring.pairs import tells_segments
from scoring.whole_model import faithfully, whole_model

Precision = Literal["auto", "float32", "bfloat16", "int8"]

Backbone = Callable[[Tensor, Tensor], Tensor]
"""(n, T) token ids and (n, T) mask on the CPU -> (n, T, d) token vectors, where it computes."""


class PairBackbone(Protocol):
    """A `Backbone` that reads pairs, too; one without segments leaves their ids aside."""

    def __call__(self, tokens: Tensor, mask: Tensor, segments: Tensor | None = None) -> Tensor:
        """(n, T) token ids, mask, and of pairs segment ids -> (n, T, d) token vectors: likewise."""


_AT_ONCE_CPU: Final = 32
_AT_ONCE_GPU: Final = 256


@dataclass(frozen=True, slots=True)
class Backbones:
    """One model in the form that is fastest for each tower.

    Attributes:
        items: For many long texts: the arithmetic binds.
        queries: For few short ones: the reading of the weights binds. Often the same.
        at_once: Texts in a batch at most: 32 fill a core, a GPU wants more.
    """

    items: Backbone
    queries: Backbone
    at_once: int


def load_backbones(
    folder: EncoderFolder, precision: Precision, threads: int, device: torch.device
) -> Backbones:
    """Plain BERT by our own short path, every other architecture by transformers.

    Raises:
        EncoderFormatError: The weights do not fit the configuration.
        PrecisionError: int8 is asked for where it cannot be had.
    """
    dtype, int8 = _dtype(precision, device), _wants_int8(folder, precision, device)
    at_once = _AT_ONCE_CPU if device.type == "cpu" else _AT_ONCE_GPU
    with faithfully(folder.path):
        if not is_plain_bert(folder.config):
            model = _by_transformers(folder, dtype, device)
            return Backbones(model, model, at_once)
        weights = add_update(read_weights(folder.path), folder.update)
        bert = _tried(Bert(weights, folder.config, dtype, device), folder)
        queries = Int8Bert(weights, folder.config, bert.embed, threads) if int8 else bert
        return Backbones(bert, queries, at_once)


def load_pair_backbone(
    folder: EncoderFolder, precision: Precision, device: torch.device
) -> PairBackbone:
    """What reads two texts as one; int8 is for queries, so it means what auto does.

    Raises:
        EncoderFormatError: The weights do not fit the configuration.
    """
    dtype = _dtype(precision, device)
    with faithfully(folder.path):
        if is_plain_bert(folder.config):
            weights = add_update(read_weights(folder.path), folder.update)
            return _tried(Bert(weights, folder.config, dtype, device), folder)
        return _by_transformers(folder, dtype, device)


def _tried(bert: Bert, folder: EncoderFolder) -> Bert:
    """The same, once it has read a token: what does not fit is noticed now, not at the first query.

    What transformers loads has been compared with its configuration already.

    Raises:
        ValueError: Its vectors are of another width than the configuration says; whatever else does
            not fit raises what it likes.
    """
    token = torch.zeros(1, 1, dtype=torch.int64)
    with torch.inference_mode():
        width = bert(token, torch.ones_like(token)).shape[2]
    if width != folder.dim:
        raise ValueError(f"its vectors have {width} numbers, config.json says {folder.dim}")
    return bert


def _by_transformers(
    folder: EncoderFolder, dtype: torch.dtype, device: torch.device
) -> PairBackbone:
    model = whole_model(folder, dtype)
    model.eval().requires_grad_(False).to(device)

    def forward(tokens: Tensor, mask: Tensor, segments: Tensor | None = None) -> Tensor:
        given = {"input_ids": tokens, "attention_mask": mask}
        if segments is not None and tells_segments(folder.config):
            given["token_type_ids"] = segments
        given = {name: each.to(device) for name, each in given.items()}
        hidden: Tensor = model(**given).last_hidden_state
        return hidden

    return forward


def _dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """bfloat16 if asked for, or if the device multiplies in it and nothing else is asked for."""
    if precision in ("auto", "int8"):
        fast = multiplies_in_bfloat16(device)
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def _wants_int8(folder: EncoderFolder, precision: Precision, device: torch.device) -> bool:
    """Whether queries are encoded with 8-bit weights; auto is where it was measured to be faster.

    Raises:
        PrecisionError: It is asked for where it cannot be had.
    """
    if device.type != "cpu":
        if precision == "int8":
            raise PrecisionError(f"precision int8 is for the CPU, not for {device}: use auto there")
        return False
    possible = can_run() and is_plain_bert(folder.config)
    if precision == "auto":
        return possible and torch.cpu._is_vnni_supported()  # noqa: SLF001
    if precision == "int8" and not possible:
        raise PrecisionError(
            f"precision int8 needs onnxruntime and onnx (pip install 'rillstream[onnx]') and a "
            f"plain BERT; {folder.path} is {folder.config['model_type']!r}. precision auto takes "
            "what there is"
        )
    return precision == "int8"
