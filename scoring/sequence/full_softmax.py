"""Cross-entropy over all items, without ever holding a score for each pair of event and item."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

_CHUNK: Final = 512  # events: 512 x 50,000 scores of two bytes are 50 MB


def full_softmax(states: Tensor, vectors: Tensor, targets: Tensor, dtype: torch.dtype) -> Tensor:
    """Mean over n events of ``-log(exp(s · v_y) / Σ_j exp(s · v_j))``, j over all items.

    SASRec with this loss instead of one negative is what Klenitskiy & Vasilev (RecSys 2023,
    "Turning dross into gold loss", section 3.2) find to beat BERT4Rec. Scores, probabilities and
    both gradients of a chunk of events are made at once, in one buffer, and forgotten: the same
    three products as usual, but no memory of n x N, which otherwise takes most of the time
    (Hsu et al., 2024, "Liger Kernel", section 3.2).

    Args:
        states: (n, d) what was learned of a user up to an event.
        vectors: (N, d) of all items.
        targets: (n,) the item that followed, 0 to N - 1.
        dtype: Of scores and products; sums are kept in float32.
    """
    loss: Tensor = _FullSoftmax.apply(states, vectors, targets, dtype)
    return loss


class _FullSoftmax(torch.autograd.Function):
    """The gradients are known when the loss is: softmax minus one-hot, through both factors."""

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, vectors: Tensor, targets: Tensor, dtype: torch.dtype
    ) -> Tensor:
        n_events = len(states)
        items = vectors.to(dtype)  # (N, d)
        d_states = torch.empty_like(states, dtype=torch.float32)  # (n, d)
        d_vectors = torch.zeros_like(vectors, dtype=torch.float32)  # (N, d)
        loss = torch.zeros((), dtype=torch.float32, device=states.device)
        buffer = torch.empty(min(_CHUNK, n_events), len(items), dtype=dtype, device=states.device)
        share = torch.empty_like(items)  # (N, d)
        for start in range(0, n_events, _CHUNK):
            chunk = states[start : start + _CHUNK].to(dtype)  # (c, d)
            wanted = (torch.arange(len(chunk)), targets[start : start + _CHUNK])  # c places
            scores = buffer[: len(chunk)]  # (c, N)
            torch.mm(chunk, items.T, out=scores)
            torch.softmax(scores, dim=1, out=scores)
            probability = scores[wanted].float()  # (c,)
            loss -= probability.clamp(min=torch.finfo(dtype).tiny).log().sum()
            scores[wanted] = (probability - 1).to(dtype)
            d_states[start : start + _CHUNK] = scores @ items
            torch.mm(scores.T, chunk, out=share)
            d_vectors += share
        ctx.save_for_backward(d_states.div_(n_events), d_vectors.div_(n_events))
        return loss / n_events

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        d_states, d_vectors = ctx.saved_tensors
        return d_states * gradient, d_vectors * gradient, None, None
