"""Networks of several seeds as one that says their mean."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from scoring.ranker.network import HeadsNetwork


def united(networks: Sequence[HeadsNetwork]) -> HeadsNetwork:
    """One network whose logits are the mean of theirs, exactly.

    Their layers stand side by side: n networks of width w are one of width n w, whose layers after
    the first have zeros between the networks. What learns on may fill them.

    Args:
        networks: Of one shape, one scaling and the same pieces, without item codes.
    """
    first = networks[0]
    if len(networks) == 1:
        return first
    shape = first.shape
    found = HeadsNetwork(
        len(first.mean),
        len(first.slopes),
        width=len(networks) * shape["width"],
        n_hidden=shape["n_hidden"],
        pieces=copy.deepcopy(first.pieces),
    )
    states = [network.state_dict() for network in networks]
    made = states[0] | {
        name: _side_by_side(name, [state[name] for state in states], shape["n_hidden"])
        for name in states[0]
        if name.startswith(("layers.", "heads."))
    }
    found.load_state_dict(made)
    return found.eval()


def _side_by_side(name: str, parts: list[Tensor], n_hidden: int) -> Tensor:
    layer, _, kind = name.rpartition(".")
    if layer == "heads":
        if kind == "bias" or not n_hidden:
            return torch.stack(parts).mean(dim=0)
        return torch.cat(parts, dim=1) / len(parts)  # (T, n w)
    if kind == "bias" or layer == "layers.0":
        return torch.cat(parts)  # (n w,), or (n w, F + P)
    joined: Tensor = torch.block_diag(*parts)  # type: ignore[no-untyped-call]
    return joined  # (n w, n w)
