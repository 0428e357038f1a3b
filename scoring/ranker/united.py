"""Networks side by side as one: seeds that say their mean, or tasks that share nothing."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from scoring.ranker.network import HeadsNetwork


def united(networks: Sequence[HeadsNetwork]) -> HeadsNetwork:
    """One network whose logits are the mean of theirs, exactly.

    Their layers stand side by side: n networks of width w are one of width n w, whose layers after
    the first have zeros between the networks. Each reads its own vectors of items. What learns on
    may fill the zeros.

    Args:
        networks: Of the same tasks and depth, one scaling and the same pieces.
    """
    if len(networks) == 1:
        return networks[0]
    n, found = len(networks), _side_by_side(networks, len(networks[0].slopes))
    weights = [network.heads.weight for network in networks]
    with torch.no_grad():
        biases = torch.stack([network.heads.bias for network in networks])
        found.heads.bias.copy_(biases.mean(dim=0))
        if len(found.layers):
            found.heads.weight.copy_(torch.cat(weights, dim=1) / n)  # (T, n w)
        else:
            n_columns = networks[0].n_columns
            of_columns = torch.stack([each[:, :n_columns] for each in weights]).mean(dim=0)
            of_items = [each[:, n_columns:] / n for each in weights]
            found.heads.weight.copy_(torch.cat([of_columns, *of_items], dim=1))
    return found.eval()


def beside(networks: Sequence[HeadsNetwork]) -> HeadsNetwork:
    """One network with the tasks of each, in their order, and no weight between them.

    Args:
        networks: Of one depth and one scaling, with the same pieces, of any width.
    """
    found = _side_by_side(networks, sum(len(network.slopes) for network in networks))
    heads = [network.heads for network in networks]
    with torch.no_grad():
        found.heads.bias.copy_(torch.cat([head.bias for head in heads]))
        found.heads.weight.copy_(
            torch.block_diag(*(head.weight for head in heads))  # type: ignore[no-untyped-call]
            if len(found.layers)
            else _reading(networks)
        )
    return found.eval()


def _side_by_side(networks: Sequence[HeadsNetwork], n_tasks: int) -> HeadsNetwork:
    """All but the heads."""
    one = networks[0]
    knowing = [network for network in networks if network.n_codes]
    items = torch.cat([each.items for each in knowing], dim=1) if knowing else one.items
    found = HeadsNetwork(
        len(one.mean),
        n_tasks,
        width=sum(network.shape["width"] for network in networks),
        n_hidden=one.shape["n_hidden"],
        n_codes=len(items),
        item_width=items.shape[1] if knowing else one.shape["item_width"],
        pieces=copy.deepcopy(one.pieces),
    )
    with torch.no_grad():
        found.mean.copy_(one.mean)
        found.deviation.copy_(one.deviation)
        found.items.copy_(items)
        for number, layer in enumerate(found.linear):
            parts = [network.linear[number] for network in networks]
            layer.bias.copy_(torch.cat([part.bias for part in parts]))
            layer.weight.copy_(
                torch.block_diag(*(part.weight for part in parts))  # type: ignore[no-untyped-call]
                if number
                else _reading(networks)
            )
    return found


def _reading(networks: Sequence[HeadsNetwork]) -> Tensor:
    """(rows, F + P + E) of what reads columns, and of items each its own vectors."""
    n_columns = networks[0].n_columns
    readers = [network.first.weight for network in networks]
    of_items = torch.block_diag(*(each[:, n_columns:] for each in readers))  # type: ignore[no-untyped-call]
    found: Tensor = torch.cat([torch.cat([each[:, :n_columns] for each in readers]), of_items], 1)
    return found
