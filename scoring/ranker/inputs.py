"""How a network reads its columns: what all that are taught together have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from scoring.ranker.network import HeadsNetwork
from scoring.ranker.pieces import Pieces
from scoring.ranker.settings import NetworkSettings

_CONSTANT: Final = 1e-6
"""A column that deviates less was the same in all rows."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The scale of F columns, and some of them in pieces.

    Attributes:
        mean: (F,) of the raw columns.
        deviation: (F,) 1 where a column never varied.
        pieces: None = no column is read in pieces.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    pieces: Pieces | None

    @classmethod
    def of(
        cls,
        tables: Sequence[NDArray[np.float16] | NDArray[np.float32]],
        pieces: Pieces | None = None,
    ) -> Inputs:
        """Scaled by all rows of these tables.

        Args:
            tables: (n, F) each, raw; one or more.
            pieces: Of some columns.
        """
        sums = np.zeros((2, tables[0].shape[1]))
        for features in tables:
            for start in range(0, len(features), 65_536):
                part = features[start : start + 65_536].astype(np.float64)
                sums += [part.sum(axis=0), np.square(part).sum(axis=0)]
        mean, square = sums / max(sum(len(features) for features in tables), 1)
        deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
        return cls(mean, np.where(deviation < _CONSTANT, 1.0, deviation), pieces)

    def network(self, settings: NetworkSettings, n_tasks: int, n_codes: int = 0) -> HeadsNetwork:
        """An untrained network that reads them."""
        network = HeadsNetwork(
            len(self.mean),
            n_tasks,
            width=settings.width,
            n_hidden=settings.n_hidden,
            dropout=settings.dropout,
            n_codes=n_codes,
            pieces=self.pieces,
        )
        with torch.no_grad():
            network.mean.copy_(torch.from_numpy(self.mean))
            network.deviation.copy_(torch.from_numpy(self.deviation))
        return network


def without_constants(
    network: HeadsNetwork, features: NDArray[np.float16] | NDArray[np.float32]
) -> HeadsNetwork:
    """A taught network that no longer listens to columns that its own rows never varied.

    Their weights are as chance has set them, or as a bias would be: searches are no part of lists,
    but of shown rows, which have the same scale. So they become a part of the biases, for what such
    a column says one day must not meet chance. A learner on the stream may still move them.

    Args:
        network: Changed in place; it says the same of these rows.
        features: (n, F) raw, that it was taught on.
    """
    if not len(features):
        return network
    constant = torch.from_numpy(features.min(axis=0) == features.max(axis=0))
    if network.pieces is not None:
        constant = torch.cat([constant, constant[network.pieces.columns]])
    deaf = constant.nonzero()[:, 0]  # of F + P
    with torch.no_grad():
        read = network.read(torch.from_numpy(features[:1].astype(np.float32)))[0]  # (F + P,)
        network.first.bias.add_(network.first.weight[:, deaf] @ read[deaf])
        network.first.weight[:, deaf] = 0.0
    return network
