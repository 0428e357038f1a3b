"""The first layers of hard sharing as a sum: of the user, of the item, of both."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from scoring.behaviour.model import BehaviourModel
from scoring.sharing import HardSharing
from scoring.sharing.contract import read_out


class Factored:
    """Layers that read the features, side by side in one matrix, and what comes after them.

    W x = W_u x_u + W_i x_i + W_p x_p: a user's part is computed once for all candidates, an item's
    once for all users.

    Args:
        model: With hard sharing; its weights are read now, and not again.
        sharing: That of the model.
    """

    def __init__(self, model: BehaviourModel, sharing: HardSharing) -> None:
        self._model = model
        self._sharing = sharing
        bottom = list(sharing.bottom)
        towers = [list(cast(nn.Sequential, tower)) for tower in sharing.towers]
        self._below = nn.Sequential(*bottom[1:])
        firsts = [bottom[0]] if bottom else [tower[0] for tower in towers]
        self._above = [nn.Sequential(*(tower if bottom else tower[1:])) for tower in towers]
        layers = [cast(nn.Linear, each) for each in firsts]
        if model.wide is not None:
            layers.append(model.wide)
        self._sizes = [layer.out_features for layer in layers]
        weights = torch.cat([layer.weight.detach() for layer in layers])  # (H, D)
        biases = [
            weights.new_zeros(layer.out_features) if layer.bias is None else layer.bias.detach()
            for layer in layers
        ]
        self._bias = torch.cat(biases)  # (H,)
        dims = [model.dims["user"], model.dims["item"], model.dims["pair"]]
        self._user: Tensor  # (Du, H), and so on
        self._item: Tensor
        self._pair: Tensor
        self._user, self._item, self._pair = (
            each.T.contiguous() for each in torch.split(weights, dims, dim=1)
        )  # (D_side, H) each

    def of_user(self, x: Tensor) -> Tensor:
        """(B, Du) -> (B, H), biases included."""
        return x @ self._user + self._bias

    def of_item(self, x: Tensor) -> Tensor:
        """(N, Di) -> (N, H)."""
        return x @ self._item

    def logits(self, user: Tensor, item: Tensor, pair: Tensor | None) -> dict[str, Tensor]:
        """(B, H), (B, K, H), (B, K, Dp) -> output -> (B * K,) or (B * K, C); `item` is used up."""
        first = item.add_(user.unsqueeze(1)).flatten(0, 1)  # (B * K, H)
        if pair is not None:
            first = first.addmm_(pair.flatten(0, 1), self._pair)
        parts = list(torch.split(first, self._sizes, dim=1))
        wide = parts.pop() if self._model.wide is not None else None
        if len(self._below):
            parts = [self._below(parts[0])] * len(self._above)
        found = {
            name: read_out(tower, part)
            for name, tower, part in zip(self._sharing.tasks, self._above, parts, strict=True)
        }
        return self._model.added(found, wide)


def factored(model: BehaviourModel) -> Factored | None:
    """The factored form of a model, None where its sharing has none."""
    return Factored(model, model.sharing) if isinstance(model.sharing, HardSharing) else None
