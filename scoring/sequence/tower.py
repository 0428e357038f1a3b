"""A user's events -> what is wanted next, after each of them: vectors in the items' space."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from scoring.rings import TYPES
from scoring.sequence.batches import Events
from scoring.sequence.block import Block
from scoring.sequence.item_vectors import ItemVectors
from scoring.sequence.read_out import ReadOut
from scoring.sequence.relative_bias import RelativeBias

N_ACTIONS: Final = len(TYPES) + 1  # the last: of a newer version than this one
_SPREAD: Final = 0.02
_FIRST_SCALE: Final = 15.0
_LARGEST_SCALE: Final = 100.0
_MOST_INTERESTS: Final = 16  # an index is searched with each

Count = Annotated[int, msgspec.Meta(ge=1)]


class TowerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Size and form of a tower.

    Attributes:
        width: d of all states.
        n_blocks: Layers.
        n_heads: Heads of each; they divide the width.
        n_interests: K, vectors of an answer; an item's score is that of the nearest.
        length: Latest events that are read.
        dropout: Share of values struck out in training.
        space: Where the answers lie. `own` = among the tower's own item vectors; `text` = among the
            encoder's, so that an index of text vectors answers, new items included.
        cosine: Items are compared by direction only, as an index does. Always so in `text`.
    """

    width: Count = 64
    n_blocks: Count = 2
    n_heads: Count = 2
    n_interests: Annotated[int, msgspec.Meta(ge=1, le=_MOST_INTERESTS)] = 1
    length: Count = 50
    dropout: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.2
    space: Literal["own", "text"] = "own"
    cosine: bool = True


@dataclass(frozen=True, slots=True)
class Space:
    """States and items that are compared by inner product.

    Attributes:
        states: (..., e).
        items: (N, e).
    """

    states: Tensor
    items: Tensor


class SequenceTower(nn.Module):
    """A causal transformer over items, actions and the time between them.

    SASRec (Kang & McAuley, ICDM 2018) with an action added to each item and the relative bias of
    HSTU (Zhai et al., ICML 2024) instead of absolute places.
    """

    def __init__(self, settings: TowerSettings, items: ItemVectors) -> None:
        super().__init__()
        width = settings.width
        self.settings = settings
        self.items = items
        self.actions = nn.Embedding(N_ACTIONS, width)
        self.bias = RelativeBias(settings.n_heads, settings.length)
        self.dropout = nn.Dropout(settings.dropout)
        blocks = (
            Block(width, settings.n_heads, settings.dropout) for _ in range(settings.n_blocks)
        )
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(width)
        k = settings.n_interests
        self.read_out = ReadOut(width, k, settings.length) if k > 1 else None
        text = items.text
        if settings.space == "text" and text is not None:
            self.answer: nn.Module = nn.Linear(width, text.shape[1])
        else:
            self.answer = nn.Identity()
        self.log_scale = nn.Parameter(torch.tensor(math.log(_FIRST_SCALE)))
        self.apply(_begin)

    def forward(self, events: Events) -> Tensor:
        """B users of T events -> (B, T, K, e): after each event, what comes next."""
        return self.read(self.items(events.items), events.actions, events.at_ms)

    def read(self, items: Tensor, actions: Tensor, at_ms: Tensor) -> Tensor:
        """(B, T, d) item vectors, (B, T) actions, (B, T) moments -> (B, T, K, e)."""
        x = items * math.sqrt(self.settings.width) + self.actions(actions)  # (B, T, d)
        x = self.dropout(x)
        bias = self.bias(at_ms)  # (B, H, T, T)
        for block in self.blocks:
            x = block(x, bias)  # (B, T, d)
        x = self.norm(x)  # (B, T, d)
        read = x.unsqueeze(2) if self.read_out is None else self.read_out(x, at_ms)
        answers: Tensor = self.answer(read)  # (B, T, K, e)
        return normalize(answers, dim=-1) if self._by_direction else answers

    def item_space(self, items: Tensor | None = None) -> Tensor:
        """What answers are compared with; unit rows where direction alone counts.

        Args:
            items: (...) catalogue rows; None = all, (N,).

        Returns:
            (..., e).
        """
        text = self.items.text
        if self.settings.space == "text" and text is not None:
            return text if items is None else text[items]
        vectors = self.items.all() if items is None else self.items(items)
        return normalize(vectors, dim=-1) if self._by_direction else vectors

    def scaled(self, states: Tensor) -> Tensor:
        """States as a softmax needs them: a cosine alone says too little to choose one of many."""
        if not self._by_direction:
            return states
        return states * self.log_scale.exp().clamp(max=_LARGEST_SCALE)

    @property
    def _by_direction(self) -> bool:
        return self.settings.cosine or self.settings.space == "text"


def last_states(states: Tensor, lengths: Tensor) -> Tensor:
    """(B, T, K, e) and (B,) -> (B, K, e): after each user's last event."""
    return states[torch.arange(len(states), device=states.device), lengths - 1]


def _begin(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=_SPREAD)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
