"""BERT for serving, straight from safetensors: the numbers of transformers without its import.

Importing transformers' model code takes as long as importing torch does (it brings sympy, sklearn
and torch._dynamo), and every worker start would pay for it. Devlin et al., NAACL 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import embedding, gelu, layer_norm, scaled_dot_product_attention

from scoring.packed import linear
from scoring.pairs import tells_segments

Layer = Callable[[Tensor], Tensor]


def is_plain_bert(config: Mapping[str, Any]) -> bool:
    """Whether `Bert` computes what this `config.json` means."""
    return (
        config.get("model_type") == "bert"
        and config.get("hidden_act", "gelu") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and not config.get("is_decoder", False)
    )


@dataclass(frozen=True, slots=True)
class _Block:
    """One transformer layer; its norm weights and biases are (d,)."""

    qkv: Layer  # d -> 3d, the three projections in one product
    attended: Layer  # d -> d
    attended_norm: tuple[Tensor, Tensor]
    widen: Layer  # d -> 4d
    narrow: Layer  # 4d -> d
    narrow_norm: tuple[Tensor, Tensor]


class Bert:
    """The encoder stack, for inference.

    Args:
        weights: float32, from `read_weights`.
        config: The folder's `config.json`.
        dtype: What it is computed in.
        device: Where it is computed.

    Raises:
        KeyError: A weight is missing.
        ValueError: There are more layers than the configuration says.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        config: Mapping[str, Any],
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        weights = {name: _as(dtype, tensor).to(device) for name, tensor in weights.items()}
        self._device = device
        self._eps: float = config.get("layer_norm_eps", 1e-12)
        self._heads: int = config["num_attention_heads"]
        self._words = weights["embeddings.word_embeddings.weight"]  # (V, d)
        segments = weights["embeddings.token_type_embeddings.weight"]  # (S, d)
        # A single text is the first segment, so its vector is added once and for all.
        self._places = weights["embeddings.position_embeddings.weight"] + segments[0]  # (P, d)
        self._segments = segments - segments[0] if tells_segments(config) else None  # (S, d)
        self._norm = _norm(weights, "embeddings")
        n_layers = config["num_hidden_layers"]
        self._blocks = [_block(weights, f"encoder.layer.{depth}.") for depth in range(n_layers)]
        if any(name.startswith(f"encoder.layer.{n_layers}.") for name in weights):
            raise ValueError(f"it has more layers than the {n_layers} that config.json says")

    def __call__(self, tokens: Tensor, mask: Tensor, segments: Tensor | None = None) -> Tensor:
        """(n, T) token ids and (n, T) mask of 0 and 1 -> (n, T, d) token vectors, on its device.

        Args:
            tokens: Of single texts, or of pairs; on the CPU, as the others.
            mask: Where there are any.
            segments: (n, T) segment ids of pairs; a model without segments is not told them.
        """
        x = self.embed(tokens)  # (n, T, d)
        if segments is not None and self._segments is not None:
            x = x + embedding(segments.to(self._device), self._segments)
        x = self._normalised(x, self._norm)
        visible = None  # or (n, 1, 1, T)
        if not mask.all():
            visible = mask.bool()[:, None, None, :].to(self._device)
        for block in self._blocks:
            x = self._normalised(x + self._attend(block, x, visible), block.attended_norm)
            x = self._normalised(x + block.narrow(gelu(block.widen(x))), block.narrow_norm)
        return x

    def embed(self, tokens: Tensor) -> Tensor:
        """(n, T) token ids -> (n, T, d) sums of word, place and segment, before the first norm."""
        places = self._places[: tokens.shape[1]]
        return embedding(tokens.to(self._device), self._words) + places

    def _attend(self, block: _Block, x: Tensor, visible: Tensor | None) -> Tensor:
        n, length, width = x.shape
        # In float32: the few tokens of a query are attended to in two thirds of the time.
        qkv = block.qkv(x).float().view(n, length, 3, self._heads, width // self._heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each (n, H, T, d/H)
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=visible)
        return block.attended(mixed.transpose(1, 2).reshape(n, length, width).to(x.dtype))

    def _normalised(self, x: Tensor, norm: tuple[Tensor, Tensor]) -> Tensor:
        return layer_norm(x, x.shape[-1:], *norm, self._eps)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors by the name that they have below `bert.`."""
    weights: dict[str, Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        for name, tensor in load_file(file).items():
            short = name.removeprefix("bert.")
            # Checkpoints from before 2019 are still about.
            short = short.replace("LayerNorm.gamma", "LayerNorm.weight")
            short = short.replace("LayerNorm.beta", "LayerNorm.bias")
            weights[short] = _as(torch.float32, tensor)
    return weights


def _as(dtype: torch.dtype, tensor: Tensor) -> Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _block(weights: Mapping[str, Tensor], prefix: str) -> _Block:
    parts = [f"{prefix}attention.self.{name}" for name in ("query", "key", "value")]
    return _Block(
        qkv=linear(
            torch.cat([weights[f"{part}.weight"] for part in parts]),
            torch.cat([weights[f"{part}.bias"] for part in parts]),
        ),
        attended=_linear(weights, f"{prefix}attention.output.dense"),
        attended_norm=_norm(weights, f"{prefix}attention.output"),
        widen=_linear(weights, f"{prefix}intermediate.dense"),
        narrow=_linear(weights, f"{prefix}output.dense"),
        narrow_norm=_norm(weights, f"{prefix}output"),
    )


def _linear(weights: Mapping[str, Tensor], name: str) -> Layer:
    return linear(weights[f"{name}.weight"], weights[f"{name}.bias"])


def _norm(weights: Mapping[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    return weights[f"{name}.LayerNorm.weight"], weights[f"{name}.LayerNorm.bias"]
