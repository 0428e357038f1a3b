"""How much of a backbone learns: all, low-rank updates, adapters, layer by layer, or nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable

from torch import nn

from scoring.errors import EncoderFormatError
from scoring.language.adapters import add_adapters, fold_adapters, has_adapters
from scoring.training.recipe import BackboneSettings


def adapt(backbone: nn.Module, settings: BackboneSettings) -> nn.Module:
    """The backbone, with gradients where the setting wants them.

    Args:
        backbone: As loaded.
        settings: Its `adaptation`, with `lora` or `adapters`.

    Returns:
        The same module; with LoRA one around it (Hu et al., ICLR 2022).
    """
    match settings.adaptation:
        case "full" | "gradual":
            backbone.requires_grad_(True)
            freeze_words(backbone, settings)
            return backbone
        case "frozen":
            return backbone.requires_grad_(False)
        case "adapters":
            return add_adapters(backbone, settings.adapters.width)
        case "lora":
            from peft import LoraConfig, get_peft_model

            config = LoraConfig(
                r=settings.lora.rank,
                lora_alpha=settings.lora.alpha,
                lora_dropout=settings.lora.dropout,
                target_modules="all-linear",
                bias="none",
            )
            adapted: nn.Module = get_peft_model(backbone, config)
            return adapted


def freeze_words(backbone: nn.Module, settings: BackboneSettings) -> None:
    """Take the word vectors out of training where the setting says so."""
    if settings.frozen_words:
        backbone.get_input_embeddings().requires_grad_(False)  # type: ignore[operator]


def merged(backbone: nn.Module) -> nn.Module:
    """A backbone as `save_pretrained` wants it: what was added is in the weights, on a copy."""
    if has_adapters(backbone):
        return fold_adapters(backbone)
    if hasattr(backbone, "merge_and_unload"):
        merge: Callable[[], nn.Module] = getattr(copy.deepcopy(backbone), "merge_and_unload")  # noqa: B009
        return merge()
    return backbone


def thaw(backbone: nn.Module, epoch: int) -> None:
    """Gradual unfreezing (ULMFiT, Howard & Ruder, ACL 2018, section 3.3).

    Epoch 0 trains the heads alone, every epoch after it one layer more from the top; the
    embeddings come last.
    """
    layers = layers_of(backbone)
    backbone.requires_grad_(epoch > len(layers))
    for layer in layers[max(len(layers) - epoch, 0) :]:
        layer.requires_grad_(True)


def layers_of(backbone: nn.Module) -> list[nn.Module]:
    """Transformer layers, from the bottom.

    Raises:
        EncoderFormatError: There is no list of like layers.
    """
    stacks = [list(module) for module in backbone.modules() if isinstance(module, nn.ModuleList)]
    if not stacks:
        raise EncoderFormatError("this backbone has no list of layers to thaw")
    return max(stacks, key=len)
