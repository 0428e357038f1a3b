"""A ranker of immediate chances: what a policy begins from, and what it has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scoring.ranker.network import HeadsNetwork
from scoring.reinforcement.episodes import Episodes
from scoring.reinforcement.one_cycle import one_cycle

_BATCH: Final = 1_024


@dataclass(frozen=True, slots=True)
class ShownItems:
    """R items that people looked at.

    Attributes:
        features: (R, F) float32.
        clicks: (R,) float32, 0 or 1.
        purchases: (R,) float32, 0 or 1.
        rewards: (R,) float32.
    """

    features: NDArray[np.float32]
    clicks: NDArray[np.float32]
    purchases: NDArray[np.float32]
    rewards: NDArray[np.float32]

    @classmethod
    def of(cls, logs: Sequence[Episodes]) -> Self:
        """What was examined: an item that nobody looked at says nothing (no position bias)."""
        return cls(
            np.concatenate(
                [
                    np.take_along_axis(each.features, each.places[:, :, None], 1)[each.examined]
                    for each in logs
                ]
            ),
            *(
                np.concatenate([column[each.examined] for each, column in columns])
                for columns in (
                    [(each, each.clicks.astype(np.float32)) for each in logs],
                    [(each, each.purchases.astype(np.float32)) for each in logs],
                    [(each, each.item_rewards.astype(np.float32)) for each in logs],
                )
            ),
        )


def fit(
    network: HeadsNetwork,
    features: NDArray[np.float32],
    labels: NDArray[np.float32],
    *,
    loss: nn.Module,
    epochs: int = 3,
    learning_rate: float = 4e-3,
    seed: int = 0,
) -> None:
    """Make a network's logits predict labels; it is changed in place.

    Args:
        network: With one output; scaled to the features before.
        features: (R, F).
        labels: (R,).
        loss: Log loss of chances, or squared error of rewards.
        epochs: Over the rows, with one cycle of the learning rate.
        learning_rate: The largest, of Adam.
        seed: Of the order of the rows.
    """
    rows, wanted = torch.from_numpy(features), torch.from_numpy(labels)

    def miss(chosen: Tensor) -> Tensor:
        found: Tensor = loss(network(rows[chosen]).squeeze(1), wanted[chosen])
        return found

    one_cycle(
        network,
        len(rows),
        miss,
        batch=_BATCH,
        epochs=epochs,
        learning_rate=learning_rate,
        seed=seed,
    )
