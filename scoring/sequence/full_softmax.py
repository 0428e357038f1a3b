"""Cross-entropy over all items, without ever holding a score for each pair of event and item."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

_CHUNK: Final = 512  # states: 512 x 50,000 scores of two bytes are 50 MB


def full_softmax(states: Tensor, vectors: Tensor, targets: Tensor, dtype: torch.dtype) -> Tensor:
    """Mean over n events of ``-log(Σ_k exp(s_k · v_y) / Σ_jk exp(s_k · v_j))``, j over all items.

    SASRec with this loss instead of one negative is what Klenitskiy & Vasilev (RecSys 2023,
    "Turning dross into gold loss", section 3.2) find to beat BERT4Rec. Scores, probabilities and
    both gradients of a chunk of events are made at once, in one buffer, and forgotten: the same
    three products as usual, but no memory of n x N, which otherwise takes most of the time
    (Hsu et al., 2024, "Liger Kernel", section 3.2).

    Of several interests it is a mixture of softmaxes (Yang et al., ICLR 2018, section 2.3), each
    with the share that its sum over all items has in that of all interests: an item's score is the
    log of the sum over its interests, a smooth form of the largest, by which items are ranked.

    Args:
        states: (n, K, d) the interests that a user has after an event.
        vectors: (N, d) of all items.
        targets: (n,) the item that followed, 0 to N - 1.
        dtype: Of scores and products; sums are kept in float32.
    """
    loss: Tensor = _FullSoftmax.apply(states, vectors, targets, dtype)
    return loss


class _FullSoftmax(torch.autograd.Function):
    """The gradients are known when the loss is: softmax minus the target's, through both factors.

    Every pair of interest and item has a probability, and those of the target's pairs take its
    whole loss, each by its share among them: one interest alone has all of it.
    """

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, vectors: Tensor, targets: Tensor, dtype: torch.dtype
    ) -> Tensor:
        n_events, n_interests, width = states.shape
        at_once = max(1, _CHUNK // n_interests)  # events
        items = vectors.to(dtype)  # (N, d)
        d_states = torch.empty_like(states, dtype=torch.float32)  # (n, K, d)
        d_vectors = torch.zeros_like(vectors, dtype=torch.float32)  # (N, d)
        loss = torch.zeros((), dtype=torch.float32, device=states.device)
        rows = min(at_once, n_events) * n_interests
        buffer = torch.empty(rows, len(items), dtype=dtype, device=states.device)
        share = torch.empty_like(items)  # (N, d)
        for start in range(0, n_events, at_once):
            chunk = states[start : start + at_once].to(dtype).flatten(0, 1)  # (cK, d)
            wanted = targets[start : start + at_once].repeat_interleave(n_interests)  # (cK,)
            places = (torch.arange(len(chunk), device=states.device), wanted)
            scores = buffer[: len(chunk)]  # (cK, N)
            torch.mm(chunk, items.T, out=scores)
            owed = scores[places].float().view(-1, n_interests).softmax(dim=1)  # (c, K)
            pairs = scores.view(len(owed), -1)  # (c, KN)
            torch.softmax(pairs, dim=1, out=pairs)
            probability = scores[places].float().view(-1, n_interests)  # (c, K)
            loss -= probability.sum(dim=1).clamp(min=torch.finfo(dtype).tiny).log().sum()
            scores[places] = (probability - owed).flatten().to(dtype)
            d_states[start : start + at_once] = (scores @ items).view(-1, n_interests, width)
            torch.mm(scores.T, chunk, out=share)
            d_vectors += share
        ctx.save_for_backward(d_states.div_(n_events), d_vectors.div_(n_events))
        return loss / n_events

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        d_states, d_vectors = ctx.saved_tensors
        return d_states * gradient, d_vectors * gradient, None, None
