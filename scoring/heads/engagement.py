"""How long a visitor stays with an item, and how far they go in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from scoring.errors import SharingError
from scoring.losses.soft_targets import soft_target_loss
from scoring.sharing.contract import Sharing


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
            # Shops with many bounces have a percentile of 0; the largest value is then left.
            full.append(torch.quantile(there, 0.95).item() or there.max().item())
        return cls(*full)

    def shares(self, dwell_ms: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) dwell and depth, NaN where not observed -> (B,) shares in [0, 1], or NaN."""
        seconds = dwell_ms.clamp(0, self.dwell_ms) / 1000
        share = torch.log1p(seconds) / math.log1p(self.dwell_ms / 1000)
        return share, depth.clamp(0, self.depth) / self.depth


class EngagementHead(nn.Module):
    """Expected shares of dwell and depth, from two tasks of a `Sharing`.

    Dwell times have a long tail: squared error would learn forgotten tabs. Shares between 0 and
    1 under cross-entropy (`soft_target_loss`) are bounded, and as large as the other losses.

    Args:
        sharing: Has the tasks `dwell` and `depth`, one output each; others are left alone.
        scale: Of the training events.
    """

    def __init__(self, sharing: Sharing, scale: EngagementScale) -> None:
        super().__init__()
        for task in ("dwell", "depth"):
            if sharing.outputs.get(task) != 1:
                raise SharingError(
                    f"engagement needs the task {task!r} with 1 output; there are {sharing.outputs}"
                )
        self.sharing = sharing
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) features -> (B,) engagement in [0, 1]: the mean of both expected shares."""
        logits = self.sharing(x)
        engagement: Tensor = (logits["dwell"].sigmoid() + logits["depth"].sigmoid()) / 2
        return engagement

    def losses(self, x: Tensor, dwell_ms: Tensor, depth: Tensor) -> dict[str, Tensor]:
        """(B, D) features, (B,) dwell and depth, NaN where not observed -> `dwell`, `depth`."""
        logits = self.sharing(x)
        dwell, deep = self.scale.shares(dwell_ms, depth)
        return {
            "dwell": soft_target_loss(logits["dwell"], dwell),
            "depth": soft_target_loss(logits["depth"], deep),
        }
