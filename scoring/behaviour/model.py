"""Features of a user, an item and their context -> a logit for each task."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from scoring.behaviour.calibration import Calibration
from scoring.behaviour.encoding import Encoding, names_of
from scoring.behaviour.inputs import Inputs, Past, SideInputs
from scoring.behaviour.recipe import (
    SIDES,
    BehaviourRecipe,
    CategorySettings,
    CosineSettings,
    Feature,
    HistorySettings,
    SharingSettings,
    Side,
)
from scoring.behaviour.side import SideLayer
from scoring.heads.candidate_attention import CandidateAttention
from scoring.module_names import must_be_free
from scoring.sharing import make_sharing


class BehaviourModel(nn.Module):
    """Sides, what a history says of the candidate, cosines; then sharing, and a linear part.

    Attributes:
        features: As the recipe has them.
        sides: A layer each.
        attentions: One for each history.
        dims: Width of each side's part of the features; `pair` with cosines and histories.
        sharing: Of the tasks.
        wide: (D,) -> one value a logit; None = no linear part.
        calibration: Of the logits; it changes nothing before it is fitted.
    """

    def __init__(
        self, recipe: BehaviourRecipe, encoding: Encoding, outputs: Mapping[str, int]
    ) -> None:
        """Begin with random weights.

        Raises:
            RecipeError: A feature has a name that no module can have.
        """
        super().__init__()
        self.features: dict[str, Feature] = recipe.features
        learned = CategorySettings | HistorySettings
        named = [name for name, each in self.features.items() if isinstance(each, learned)]
        must_be_free("features", named, ", and name the column with `column`")
        self.sides = nn.ModuleDict(
            {side: SideLayer(self.features, encoding, side) for side in SIDES}
        )
        self.attentions = nn.ModuleDict()
        self.dims = {side: self.side(side).dim for side in SIDES}
        for name, feature in self.features.items():
            match feature:
                case HistorySettings():
                    width = self._width(feature.candidate, encoding)
                    self.attentions[name] = CandidateAttention(width, feature.hidden)
                    self.dims["pair"] += width
                case CosineSettings():
                    self.dims["pair"] += 1
        said: SharingSettings = recipe.sharing
        dim = sum(self.dims.values())
        self.sharing = make_sharing(
            said.form,
            dim,
            outputs,
            hidden=said.hidden,
            tower=said.tower,
            dropout=said.dropout,
            **said.options,
        )
        self.wide = nn.Linear(dim, sum(outputs.values()), bias=False) if said.wide else None
        if self.wide is not None:
            nn.init.zeros_(self.wide.weight)
        self.calibration = Calibration(outputs)

    def side(self, side: Side) -> SideLayer:
        """The layer of a side."""
        layer = self.sides[side]
        if not isinstance(layer, SideLayer):
            raise TypeError(f"side {side} has no layer")
        return layer

    def shared(self) -> list[nn.Parameter]:
        """What several losses reach: features, and what the form shares."""
        return [
            *self.sides.parameters(),
            *self.attentions.parameters(),
            *self.sharing.shared(),
        ]

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        """N rows -> output -> (n,) or (n, C) logits, as they are learned."""
        user, item = inputs.sides["user"], inputs.sides["item"]
        pairs = self.pairs(user, inputs.pasts, item.alone(), inputs.sides["pair"].alone())
        x = torch.cat([self.side("user")(user), self.side("item")(item), pairs[:, 0]], dim=1)
        return self.heads(x)

    def pairs(
        self, user: SideInputs, pasts: Mapping[str, Past], item: SideInputs, pair: SideInputs
    ) -> Tensor:
        """B users, and (B, K, …) items and pairs -> (B, K, dims of pairs)."""
        parts = [self.side("pair")(pair)]  # (B, K, Dp)
        sides: dict[Side, SideInputs] = {"user": user.alone(), "item": item, "pair": pair}
        for name, feature in self.features.items():
            match feature:
                case CosineSettings():
                    a, b = (sides[self._side_of(each)].vectors[each] for each in feature.of)
                    parts.append(_cosines(a, b).expand(-1, parts[0].shape[1], -1))
                case HistorySettings():
                    past = pasts[name]
                    asked = self._looked_at(feature.candidate, sides)  # (B, K or 1, D)
                    history = past.items
                    if history.dim() == 2:
                        layer = self.side(self._side_of(feature.candidate))
                        history = layer.code_vectors(feature.candidate, history)  # (B, L, D)
                    found = self.attentions[name](history, past.mask, asked)
                    parts.append(found.expand(-1, parts[0].shape[1], -1))
        return torch.cat(parts, dim=-1)

    def heads(self, x: Tensor) -> dict[str, Tensor]:
        """(n, D) -> output -> logits."""
        return self.added(self.sharing(x), None if self.wide is None else self.wide(x))

    def added(self, logits: dict[str, Tensor], wide: Tensor | None) -> dict[str, Tensor]:
        """Logits, and (n, sum of outputs) of the linear part on top of them."""
        if wide is None:
            return logits
        parts = torch.split(wide, list(self.sharing.outputs.values()), dim=1)
        return {
            name: each + part.reshape(each.shape)
            for (name, each), part in zip(logits.items(), parts, strict=True)
        }

    def _looked_at(self, name: str, sides: Mapping[Side, SideInputs]) -> Tensor:
        """(B, K or 1, D) of the category or vector that a history is compared with."""
        side = self._side_of(name)
        if name in sides[side].vectors:
            return sides[side].vectors[name]
        place = names_of(self.features, CategorySettings, side).index(name)
        return self.side(side).code_vectors(name, sides[side].codes[..., place])

    def _side_of(self, name: str) -> Side:
        side: Side = getattr(self.features[name], "side", "pair")
        return side

    def _width(self, name: str, encoding: Encoding) -> int:
        feature = self.features[name]
        if isinstance(feature, CategorySettings):
            return feature.width
        return encoding.widths[name]


def _cosines(a: Tensor, b: Tensor) -> Tensor:
    """(B, K or 1, D) twice -> (B, K or 1, 1), 0 for a vector of zeros."""
    lengths = a.norm(dim=-1, keepdim=True) * b.norm(dim=-1, keepdim=True)
    if a.shape[1] == 1:
        a, b = b, a
    # One vector against K is a product of matrices; K against K, or 1 against 1, a sum.
    dots = a @ b.transpose(1, 2) if b.shape[1] == 1 else (a * b).sum(dim=-1, keepdim=True)
    found: Tensor = dots / lengths.clamp_min(1e-8)
    return found
