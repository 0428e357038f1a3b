"""One side of a row as one vector: numbers, ramps, learned vectors of words, given vectors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from scoring.behaviour.encoding import Encoding, n_codes, names_of
from scoring.behaviour.inputs import SideInputs
from scoring.behaviour.recipe import (
    CategorySettings,
    Feature,
    NumberSettings,
    Side,
    VectorSettings,
)


class SideLayer(nn.Module):
    """(n, …) inputs of a side -> (n, dim).

    Attributes:
        dim: Of the result; 0 for a side without features.
        words: A table of learned vectors for each category, by name.
    """

    mean: Tensor  # (P,)
    deviation: Tensor  # (P,)
    may_miss: Tensor  # (F,) places of numbers that were ever empty
    low: Tensor  # (R,)
    high: Tensor  # (R,)
    source: Tensor  # (R,) place of each ramp's number

    def __init__(self, features: Mapping[str, Feature], encoding: Encoding, side: Side) -> None:
        super().__init__()
        scales = [encoding.scales[name] for name in names_of(features, NumberSettings, side)]
        self._keep("mean", [scale.mean for scale in scales])
        self._keep("deviation", [scale.deviation for scale in scales])
        self._keep("may_miss", [i for i, scale in enumerate(scales) if scale.may_miss], torch.long)
        self._keep("low", [edge for scale in scales for edge in scale.edges[:-1]])
        self._keep("high", [edge for scale in scales for edge in scale.edges[1:]])
        source = [i for i, scale in enumerate(scales) for _ in scale.edges[1:]]
        self._keep("source", source, torch.long)
        self.words = nn.ModuleDict()
        for name in names_of(features, CategorySettings, side):
            feature = features[name]
            if isinstance(feature, CategorySettings):
                self.words[name] = nn.Embedding(n_codes(encoding, name, feature), feature.width)
        self._vectors = names_of(features, VectorSettings, side)
        self.dim = (
            len(scales)
            + len(self.may_miss)
            + len(self.low)
            + sum(table.embedding_dim for table in self.tables())
            + sum(encoding.widths[name] for name in self._vectors)
        )

    def code_vectors(self, name: str, codes: Tensor) -> Tensor:
        """(…) codes of a category -> (…, width)."""
        found: Tensor = self.words[name](codes)
        return found

    def tables(self) -> list[nn.Embedding]:
        """In the order of the codes."""
        return [table for table in self.words.values() if isinstance(table, nn.Embedding)]

    def forward(self, inputs: SideInputs) -> Tensor:
        """(n, …) or (B, K, …) -> (n, dim) or (B, K, dim)."""
        missing = inputs.numbers.isnan()  # (n, P)
        there = torch.where(missing, self.mean, inputs.numbers)
        ramps = (there[..., self.source] - self.low) / (self.high - self.low)  # (n, R)
        return torch.cat(
            [
                (there - self.mean) / self.deviation,
                missing[..., self.may_miss].to(there.dtype),
                ramps.clamp(0, 1),
                *(table(inputs.codes[..., place]) for place, table in enumerate(self.tables())),
                *(inputs.vectors[name] for name in self._vectors),
            ],
            dim=-1,
        )

    def _keep(
        self, name: str, values: list[float] | list[int], kind: torch.dtype = torch.float32
    ) -> None:
        """A constant that the encoding has already: not among the saved weights."""
        self.register_buffer(name, torch.tensor(values, dtype=kind), persistent=False)
