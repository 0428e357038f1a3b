"""Which transformer a folder holds, ready for inference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from scoring.bert import Bert, is_plain_bert
from scoring.errors import EncoderFormatError
from scoring.folder import EncoderFolder

Precision = Literal["auto", "float32", "bfloat16"]

Backbone = Callable[[Tensor, Tensor], Tensor]
"""(n, T) token ids and (n, T) mask -> (n, T, d) token vectors."""


def load_backbone(folder: EncoderFolder, precision: Precision) -> Backbone:
    """Plain BERT by our own short path, every other architecture by transformers.

    Raises:
        EncoderFormatError: The weights do not fit the configuration.
    """
    dtype = _dtype(precision)
    try:
        if is_plain_bert(folder.config):
            return Bert(folder.path, folder.config, dtype)
        return _by_transformers(folder, dtype)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise EncoderFormatError(
            f"{folder.path} does not load as an encoder ({type(error).__name__}: {error}). "
            "Save it again with save_pretrained, or choose another"
        ) from error


def _by_transformers(folder: EncoderFolder, dtype: torch.dtype) -> Backbone:
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = AutoModel.from_pretrained(
        folder.path,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=dtype,
    )
    model.eval().requires_grad_(False)

    def forward(tokens: Tensor, mask: Tensor) -> Tensor:
        hidden: Tensor = model(input_ids=tokens, attention_mask=mask).last_hidden_state
        return hidden

    return forward


def _dtype(precision: Precision) -> torch.dtype:
    """bfloat16 if asked for, or if this CPU multiplies in it."""
    if precision == "auto":
        fast = torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001 - there is no public question
        return torch.bfloat16 if fast else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32
