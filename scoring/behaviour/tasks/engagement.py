"""How long a visitor stays with an item, and how far they go in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from scoring.behaviour.columns import number
from scoring.behaviour.recipe import EngagementSettings
from scoring.behaviour.tasks.binary import DECIMALS
from scoring.behaviour.tasks.contract import BehaviourTask, Label, Logits, base_rates, observed
from scoring.errors import SharingError
from scoring.measures import spearman


@dataclass(frozen=True, slots=True)
class EngagementScale:
    """What counts as full engagement. A forgotten tab counts for no more than that.

    Attributes:
        dwell_ms: Dwell at and above which the share is 1; below, it grows with the logarithm.
        depth: The same for depth, in the shop's own measure; below, it grows evenly.
    """

    dwell_ms: float
    depth: float

    def __post_init__(self) -> None:
        """Check both.

        Raises:
            SharingError: One of them is not above 0.
        """
        if not (0 < self.dwell_ms < math.inf and 0 < self.depth < math.inf):
            raise SharingError(f"dwell_ms and depth must be above 0: {self}")

    @classmethod
    def of(cls, dwell_ms: Tensor, depth: Tensor) -> EngagementScale:
        """From training events: the 95th percentile of each; NaN = not observed.

        Raises:
            SharingError: One of them was never observed above 0.
        """
        full = []
        for name, seen in (("dwell_ms", dwell_ms), ("depth", depth)):
            there = seen[~seen.isnan()].double()
            if not bool((there > 0).any()):
                raise SharingError(f"{name} is nowhere above 0: there is no engagement to learn")
            # torch.quantile takes 16 million values at most; a kth value takes any number.
            place = min(len(there), math.ceil(0.95 * (len(there) - 1)) + 1)
            # Shops with many bounces have a percentile of 0; the largest value is then left.
            full.append(there.kthvalue(place).values.item() or there.max().item())
        return cls(*full)

    def shares(self, dwell_ms: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) dwell and depth, NaN where not observed -> (B,) shares in [0, 1], or NaN."""
        seconds = dwell_ms.clamp(0, self.dwell_ms) / 1000
        share = torch.log1p(seconds) / math.log1p(self.dwell_ms / 1000)
        return share, depth.clamp(0, self.depth) / self.depth


class Engagement(BehaviourTask):
    """Expected shares of dwell and depth; answers `score`, their mean, and both.

    Dwell times have a long tail: squared error would learn forgotten tabs. Shares between 0 and
    1 under cross-entropy are bounded, and as large as the other losses: it is least where the
    chance is the mean of the shares (Gneiting, JASA 2011).
    """

    def __init__(self, name: str, settings: EngagementSettings) -> None:
        self.name = name
        self.outputs = {f"{name}.dwell": 1, f"{name}.depth": 1}
        self._columns = (settings.dwell, settings.depth)
        self.scale = EngagementScale(1.0, 1.0)

    def label(self, row: Mapping[str, object]) -> Label:
        """Milliseconds and depth, NaN where there is none."""
        found = tuple(number(row, column) for column in self._columns)
        for value, column in zip(found, self._columns, strict=True):
            if value < 0:
                raise ValueError(f"{column!r} is {value:g}: it cannot be below 0")
        return found

    def learn_facts(self, labels: NDArray[Any]) -> None:
        """The scale."""
        self.scale = EngagementScale.of(*torch.from_numpy(labels.astype(float)).unbind(1))

    def facts(self) -> dict[str, Any]:
        """The scale."""
        return {"dwell_ms": self.scale.dwell_ms, "depth": self.scale.depth}

    def set_facts(self, facts: Mapping[str, Any]) -> None:
        """The scale."""
        self.scale = EngagementScale(facts["dwell_ms"], facts["depth"])

    def targets(self, labels: NDArray[Any]) -> Tensor:
        """(n, 2) shares of dwell and depth."""
        shares = self.scale.shares(*torch.from_numpy(labels.astype(float)).unbind(1))
        return torch.stack(shares, dim=1).float()

    def rates(self, targets: Mapping[str, Tensor]) -> dict[str, float]:
        """Mean shares."""
        columns = targets[self.name].unbind(1)
        return base_rates(dict(zip(self.outputs, columns, strict=True)))

    def row_losses(self, logits: Logits, targets: Tensor) -> Tensor:
        """The mean of the two cross-entropies, or the one that was observed."""
        asked = torch.stack([logits[name] for name in self.outputs], dim=1)  # (n, 2)
        there = ~targets.isnan()  # (n, 2)
        wanted = torch.where(there, targets, 0.0)
        losses = binary_cross_entropy_with_logits(asked, wanted, reduction="none")
        total = torch.where(there, losses, 0.0).sum(dim=1)
        return observed(total / there.sum(dim=1).clamp_min(1), self.seen(targets))

    def chances(self, logits: Logits) -> Tensor:
        """(n,) mean of both expected shares."""
        dwell, depth = (logits[name].sigmoid() for name in self.outputs)
        return (dwell + depth) / 2

    def measures(self, logits: Logits, targets: Tensor) -> dict[str, float]:
        """Log loss; of each share, rank correlation and mean absolute error."""
        found = {"log_loss": float(self.loss(logits, targets))}
        for (output, place), name in zip(
            zip(self.outputs, range(2), strict=True), ("dwell", "depth"), strict=True
        ):
            there = ~targets[:, place].isnan()
            expected, real = logits[output].sigmoid()[there], targets[there, place]
            found[f"{name}_spearman"] = spearman(expected.numpy(), real.numpy())
            found[f"{name}_error"] = float((expected - real).abs().mean())
            found[f"{name}_bias"] = float(expected.mean() - real.mean())
        return found

    def answers(self, logits: Logits) -> list[dict[str, Any]]:
        """All three shares."""
        dwell, depth = (logits[name].sigmoid().tolist() for name in self.outputs)
        return [
            {
                "score": round((a + b) / 2, DECIMALS),
                "dwell": round(a, DECIMALS),
                "depth": round(b, DECIMALS),
            }
            for a, b in zip(dwell, depth, strict=True)
        ]
