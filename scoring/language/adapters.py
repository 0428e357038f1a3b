"""Bottleneck adapters beside a feed-forward layer, folded into it when a model is saved.

An adapter in a row with a layer (Houlsby et al., ICML 2019; after the feed-forward layer only:
Pfeiffer et al., EMNLP 2020) is not plain BERT: whoever serves it needs two more products a layer,
and code of its own. Beside the feed-forward layer it is a few more hidden units of that layer, and
there He et al. (ICLR 2022) measured it to be better than in a row.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from scoring.errors import EncoderFormatError

_SCALE: Final = 4.0  # what He et al. came to for this form
# Widening layer, narrowing layer, and what the configuration calls the width between them.
_FEED_FORWARDS: Final = (
    ("intermediate.dense", "output.dense", "intermediate_size"),  # BERT and what descends from it
    ("ffn.lin1", "ffn.lin2", "hidden_dim"),  # DistilBERT
)


class Widening(nn.Module):
    """The first layer of a feed-forward pair with the adapter's units behind its own.

    Attributes:
        frozen: d -> m, as it was.
        down: (r, d) of the adapter.
        down_bias: (r,).
    """

    def __init__(self, frozen: nn.Linear, width: int, draw: torch.Generator) -> None:
        super().__init__()
        self.frozen = frozen
        bound = frozen.in_features**-0.5
        start = torch.empty(width, frozen.in_features).uniform_(-bound, bound, generator=draw)
        self.down = nn.Parameter(start)
        self.down_bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """(…, d) -> (…, m + r), before the model's own activation."""
        return torch.cat([self.frozen(x), linear(x, self.down, self.down_bias)], dim=-1)

    def folded(self) -> nn.Linear:
        """The same as one layer."""
        return _layer(
            torch.cat([self.frozen.weight, self.down]),
            torch.cat([self.frozen.bias, self.down_bias]),
        )


class Narrowing(nn.Module):
    """The second layer of the pair, plus the scaled adapter; which begins as nothing.

    Attributes:
        frozen: m -> d, as it was.
        up: (d, r) of the adapter.
        up_bias: (d,).
    """

    def __init__(self, frozen: nn.Linear, width: int) -> None:
        super().__init__()
        self.frozen = frozen
        self.up = nn.Parameter(torch.zeros(frozen.out_features, width))
        self.up_bias = nn.Parameter(torch.zeros(frozen.out_features))

    def forward(self, x: Tensor) -> Tensor:
        """(…, m + r) -> (…, d)."""
        own, units = x[..., : self.frozen.in_features], x[..., self.frozen.in_features :]
        answered: Tensor = self.frozen(own)
        return answered + _SCALE * linear(units, self.up, self.up_bias)

    def folded(self) -> nn.Linear:
        """The same as one layer."""
        return _layer(
            torch.cat([self.frozen.weight, _SCALE * self.up], dim=1),
            self.frozen.bias + _SCALE * self.up_bias,
        )


def add_adapters(backbone: nn.Module, width: int) -> nn.Module:
    """Freeze a backbone and give each layer an adapter: ``h + 4 U act(D x)``.

    That is the scaled parallel adapter of He et al., ICLR 2022, with the model's own activation.
    All begin as nothing, and with the same numbers under every seed, so that models of other seeds
    have one beginning and can be merged.

    Args:
        backbone: Of transformers; changed in place.
        width: r, units of each adapter.

    Raises:
        EncoderFormatError: Its feed-forward layers are not called as in BERT or DistilBERT.
    """
    backbone.requires_grad_(False)
    draw = torch.Generator().manual_seed(0)
    pairs = list(_feed_forwards(backbone))
    if not pairs:
        raise EncoderFormatError(
            f"adapters know the layers of BERT, its descendants and DistilBERT, not those of "
            f"{type(backbone).__name__}: adaptation lora takes any model"
        )
    for layer, widening, narrowing in pairs:
        wide, narrow = layer.get_submodule(widening), layer.get_submodule(narrowing)
        layer.set_submodule(widening, Widening(cast(nn.Linear, wide), width, draw))
        layer.set_submodule(narrowing, Narrowing(cast(nn.Linear, narrow), width))
    return backbone


def has_adapters(backbone: nn.Module) -> bool:
    """Whether `add_adapters` was here."""
    return any(isinstance(module, Widening) for module in backbone.modules())


def fold_adapters(backbone: nn.Module) -> nn.Module:
    """A copy without adapters that says the same: its feed-forward layers are wider by r."""
    folded = copy.deepcopy(backbone)
    names = [n for n, m in folded.named_modules() if isinstance(m, Widening | Narrowing)]
    width = 0
    for name in names:
        module = cast(Widening | Narrowing, folded.get_submodule(name))
        if isinstance(module, Widening):
            width = len(module.down_bias)
        folded.set_submodule(name, module.folded())
    config: Any = folded.config
    for _, _, key in _FEED_FORWARDS:
        if hasattr(config, key):
            setattr(config, key, getattr(config, key) + width)
    return folded


def _feed_forwards(backbone: nn.Module) -> Iterator[tuple[nn.Module, str, str]]:
    """Layers of a transformer with the names of their two feed-forward layers."""
    for layer in backbone.modules():
        children = {name for name, module in layer.named_modules() if isinstance(module, nn.Linear)}
        for widening, narrowing, _ in _FEED_FORWARDS:
            if {widening, narrowing} <= children:
                yield layer, widening, narrowing


def _layer(weight: Tensor, bias: Tensor) -> nn.Linear:
    """(out, in) and (out,) as a module."""
    made = nn.Linear(weight.shape[1], weight.shape[0])
    made.weight = nn.Parameter(weight.detach().clone())
    made.bias = nn.Parameter(bias.detach().clone())
    return made
