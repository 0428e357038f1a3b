"""Behaviour heads for whoever ranks: numpy in, chances out; users, items computed once each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.behaviour.encoding import encode
from scoring.behaviour.factored import Factored, factored
from scoring.behaviour.inputs import Past, SideInputs
from scoring.behaviour.recipe import CosineSettings, HistorySettings
from scoring.behaviour.saved import Behaviour, load_behaviour
from scoring.device import device_of
from scoring.errors import ModelError

Columns = Mapping[str, NDArray[Any]]
"""Feature -> (n,) float32 numbers, NaN where there is none; (n,) words ('' = none) or lists as
objects; (n, D) float32 vectors."""


@dataclass(frozen=True, slots=True)
class Users:
    """B users in their contexts, and what is computed of them alone.

    Attributes:
        inputs: As far as cosines and histories look at them.
        pasts: Their histories.
        part: (B, H) their share of the first layers; (B, D) of the features without any.
    """

    inputs: SideInputs
    pasts: Mapping[str, Past]
    part: Tensor


@dataclass(frozen=True, slots=True)
class Items:
    """N items, and what is computed of them alone: the same as for users."""

    inputs: SideInputs
    part: Tensor


class BehaviourHeads:
    """Heads of a saved model, for B users with K candidates each.

    Under hard sharing, the first layers are sums of a part of the user, one of the item and one
    of both: the former are computed once each, items as long as this version lives. Other
    forms compute the whole of each pair.

    Attributes:
        tasks: T names, of those with one chance; a task of several classes has none here.
        version: Of the saved folder.
        device: Where they compute.
    """

    def __init__(self, behaviour: Behaviour, device: torch.device) -> None:
        self.device = device
        self._model = behaviour.model.to(device)
        self._features = behaviour.saved.recipe.features
        self._encoding = behaviour.saved.encoding
        self._answering = [
            task for task in behaviour.tasks.values() if all(n == 1 for n in task.outputs.values())
        ]
        self._factored: Factored | None = factored(behaviour.model)
        self.tasks = tuple(task.name for task in self._answering)
        self.version = behaviour.saved.version()

    @classmethod
    def load(cls, folder: Path, device: str = "cpu") -> BehaviourHeads:
        """From a folder of `rillstream train`.

        Args:
            folder: Of the model.
            device: Where to compute, see `device_of`.

        Raises:
            DeviceError: That is not there.
            ModelError: It holds no behaviour model, or none with a task of one chance.
        """
        heads = cls(load_behaviour(folder), device_of(device))
        if not heads.tasks:
            raise ModelError(f"{folder} has classes only: there is no chance to rank by")
        return heads

    @torch.no_grad()
    def users(self, columns: Columns) -> Users:
        """Columns of B users: features of side `user`, and histories."""
        inputs = encode(self._features, self._encoding, columns, ("user",)).to(self.device)
        part = self._model.side("user")(inputs.sides["user"])  # (B, Du)
        if self._factored is not None:
            part = self._factored.of_user(part)  # (B, H)
        return Users(self._compared(inputs.sides["user"]), inputs.pasts, part)

    @torch.no_grad()
    def items(self, columns: Columns) -> Items:
        """Columns of N items: features of side `item`."""
        encoded = encode(self._features, self._encoding, columns, ("item",))
        inputs = encoded.sides["item"].to(self.device)
        part = self._model.side("item")(inputs)  # (N, Di)
        if self._factored is not None:
            part = self._factored.of_item(part)  # (N, H)
        return Items(self._compared(inputs), part)

    @torch.no_grad()
    def score(
        self,
        users: Users,
        items: Items,
        candidates: NDArray[np.int64],
        pairs: Columns | None = None,
    ) -> NDArray[np.float32]:
        """Chances of each candidate.

        Args:
            users: B of them.
            items: N of them.
            candidates: (B, K) places in `items`; any where there is none.
            pairs: Features of side `pair`, (B, K) or (B, K, D) each, where the model has any.

        Returns:
            (B, K, T) in the order of `tasks`, calibrated.
        """
        n_users, n_candidates = candidates.shape
        places = torch.from_numpy(candidates).to(self.device)
        of_both = self._pairs(users, items, places, pairs)  # (B, K, Dp) or None
        # Rows of a table by one flat index: half the time of a gather in two dimensions.
        chosen = items.part.index_select(0, places.flatten()).view(n_users, n_candidates, -1)
        if self._factored is not None:
            logits = self._factored.logits(users.part, chosen, of_both)
        else:
            wide = users.part.unsqueeze(1).expand(-1, n_candidates, -1)  # (B, K, Du)
            parts = [wide, chosen] if of_both is None else [wide, chosen, of_both]
            logits = self._model.heads(torch.cat(parts, dim=-1).flatten(0, 1))
        calibrated = self._model.calibration(logits)
        chances = [task.chances(calibrated) for task in self._answering]  # (B * K,) each
        found: NDArray[np.float32] = torch.stack(chances, dim=-1).cpu().numpy()
        return found.reshape(n_users, n_candidates, len(self.tasks))

    @torch.no_grad()
    def chances(self, columns: Columns) -> NDArray[np.float32]:
        """(n, T) of n whole rows, each with its own user and item."""
        inputs = encode(self._features, self._encoding, columns).to(self.device)
        calibrated = self._model.calibration(self._model(inputs))
        found = torch.stack([task.chances(calibrated) for task in self._answering], dim=1)
        rows: NDArray[np.float32] = found.cpu().numpy()
        return rows

    def _compared(self, inputs: SideInputs) -> SideInputs:
        """Of a side, what cosines and histories look at: the rest is in its part already."""
        wanted: set[str] = set()
        for feature in self._features.values():
            match feature:
                case CosineSettings():
                    wanted |= set(feature.of)
                case HistorySettings():
                    wanted.add(feature.candidate)
        vectors = {name: each for name, each in inputs.vectors.items() if name in wanted}
        return SideInputs(inputs.numbers[:, :0], inputs.codes, vectors)

    def _pairs(
        self, users: Users, items: Items, places: Tensor, pairs: Columns | None
    ) -> Tensor | None:
        """(B, K, Dp), None for a model without features of pairs."""
        if not self._model.dims["pair"]:
            return None
        n_users, n_candidates = places.shape
        flat = {name: each.reshape(-1, *each.shape[2:]) for name, each in (pairs or {}).items()}
        if flat:
            inputs = encode(self._features, self._encoding, flat, ("pair",)).sides["pair"]
            rows = torch.arange(n_users * n_candidates).view(n_users, n_candidates)
            both = inputs.take(rows).to(self.device)
        else:
            nothing = torch.empty(n_users, n_candidates, 0, device=self.device)
            both = SideInputs(nothing, nothing.long(), {})
        return self._model.pairs(users.inputs, users.pasts, items.inputs.take(places), both)
