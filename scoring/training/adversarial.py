"""Adversarial training: losses of inputs that were moved to where they hurt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from scoring.errors import TrainingError


def adversarial_losses(
    embedding: nn.Module,
    losses: Callable[[], Mapping[str, Tensor]],
    epsilon: float,
    share: float = 0.5,
) -> dict[str, Tensor]:
    """Each loss, mixed with itself after an attack on what an embedding layer gives.

    Fast gradient method of Miyato, Dai & Goodfellow, ICLR 2017, equations 3 and 4: with g the
    gradient of the summed losses by an example's embedded input s, that input moves by

        r = epsilon ‖s‖ g / ‖g‖        (norms over all of the example's values)

    A whole text moves, by a share of its length; the paper normalises embeddings instead, to give
    epsilon a unit. A step costs about twice its time. Weights are as they were, and a frozen
    embedding is attacked like any other.

    Args:
        embedding: Its output is a tensor (B, …). It may be called several times (query, title); the
            attack pairs the calls of both passes by their order.
        losses: One forward pass; called twice.
        epsilon: Length of the move, as a share of the input's; above 0.
        share: Of the attacked losses in the mix, in (0, 1]; the paper's sum of
            both is 0.5, and twice the rate.

    Returns:
        As `losses` gives them: (1 - share) clean + share attacked.

    Raises:
        TrainingError: No loss depends on the embedding, or the two passes called it differently.
    """
    if not (epsilon > 0 and 0 < share <= 1):
        raise TrainingError(f"epsilon is {epsilon}, share {share}: above 0, and at most 1")
    with _recording(embedding) as embedded:
        clean = losses()
    if not embedded:
        raise TrainingError("the losses do not call this embedding: nothing can be attacked")
    total = torch.stack([loss.reshape(()) for loss in clean.values()]).sum()
    slopes = torch.autograd.grad(total, embedded, retain_graph=True, allow_unused=True)
    if all(slope is None for slope in slopes):
        raise TrainingError("no loss depends on this embedding: nothing can be attacked")
    moves = [
        torch.zeros_like(s) if g is None else move(s.detach(), g, epsilon)
        for s, g in zip(embedded, slopes, strict=True)
    ]
    with _moved(embedding, moves):
        attacked = losses()
    return {name: (1 - share) * clean[name] + share * attacked[name] for name in clean}


def move(embedded: Tensor, slope: Tensor, epsilon: float) -> Tensor:
    """(B, …, d) inputs and their gradients -> moves of length epsilon ‖s‖; 0 where g is 0.

    A vector without any gradient is padding and no part of s, so that the length of a text's move
    does not depend on how long the other texts of its batch are.
    """
    there = (slope != 0).any(dim=-1, keepdim=True)  # (B, …, 1)
    lengths = (embedded * there).flatten(1).norm(dim=1)  # (B,)
    steep = slope.flatten(1).norm(dim=1)  # (B,)
    factors = torch.where(steep > 0, epsilon * lengths / steep.clamp_min(1e-30), 0.0)
    return slope * factors.view(-1, *[1] * (slope.dim() - 1))


@contextmanager
def _recording(embedding: nn.Module) -> Iterator[list[Tensor]]:
    """What the layer gives while this is open; a frozen layer's output wants gradients, too."""
    seen: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        seen.append(output if output.requires_grad else output.detach().requires_grad_())
        return seen[-1]

    handle = embedding.register_forward_hook(keep)
    try:
        yield seen
    finally:
        handle.remove()


@contextmanager
def _moved(embedding: nn.Module, moves: Sequence[Tensor]) -> Iterator[None]:
    """The layer gives moved outputs while this is open, in the order of the moves."""
    left = list(moves)

    def add(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        if not left or left[0].shape != output.shape:
            raise TrainingError(
                f"the second pass embeds {tuple(output.shape)} where the first did not: both must "
                "embed the same batch in the same order"
            )
        return output + left.pop(0)

    handle = embedding.register_forward_hook(add)
    try:
        yield
    finally:
        handle.remove()
