"""A policy that goes on the way that its training went."""

from __future__ import annotations

import torch
from torch import nn

from scoring.ranker.network import HeadsNetwork


def stretched(first: HeadsNetwork, last: HeadsNetwork, times: float) -> HeadsNetwork:
    """Worths `first + times · (last − first)`, as one network with the hidden units of both.

    Rounds with falling steps end before the way ends that they have found, and more rounds of the
    same bring more luck than way. (Of the weights of language models, on from where preference
    tuning has ended: Zheng et al. 2024, arXiv:2404.16792. Here it is the worths that go on.)

    Args:
        first: Before training, without vectors of items.
        last: After it; scaled and calibrated as `first` is.
        times: 1 = as trained.
    """
    found = HeadsNetwork(
        len(first.mean),
        1,
        width=2 * first.shape["width"],
        n_hidden=first.shape["n_hidden"],
        dropout=0.0,
    )
    for name, told in last.named_buffers():
        found.get_buffer(name).copy_(told)
    both, shares = (first, last), (1 - times, times)
    with torch.no_grad():
        for number, (layer, *parts) in enumerate(zip(*map(_hidden, (found, *both)), strict=True)):
            weights = [part.weight for part in parts]  # (W, F), then (W, W) with 0 in between
            joined = torch.block_diag(*weights) if number else torch.cat(weights)  # type: ignore[no-untyped-call]
            layer.weight.copy_(joined)
            layer.bias.copy_(torch.cat([part.bias for part in parts]))
        heads = [share * each.heads.weight for share, each in zip(shares, both, strict=True)]
        # Without hidden units both read the columns themselves: weights add up.
        together = torch.cat(heads, dim=1) if _hidden(first) else torch.stack(heads).sum(dim=0)
        found.heads.weight.copy_(together)
        found.heads.bias.copy_(shares[0] * first.heads.bias + shares[1] * last.heads.bias)
    return found


def _hidden(network: HeadsNetwork) -> list[nn.Linear]:
    return [each for each in network.layers if isinstance(each, nn.Linear)]
