"""The surrogate that is maximised: importance, clip, entropy and KL, each with its switch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from scoring.reinforcement.plackett_luce import RankDistributions


@dataclass(frozen=True, slots=True)
class Surrogate:
    """Terms of a step's loss.

    Attributes:
        clip: Trust region of the ratio π_new / π_old, as 0.2; 0 = none (plain policy gradient).
        entropy: Weight of the entropy of each rank, nats, at least 0.
        divergence: Weight of KL(π ‖ reference) of each rank, at least 0.
    """

    clip: float = 0.2
    entropy: float = 0.0
    divergence: float = 0.0

    def loss(
        self,
        logs: Tensor,
        log_before: Tensor,
        advantages: Tensor,
        now: RankDistributions | None = None,
        reference: RankDistributions | None = None,
    ) -> Tensor:
        """Of B lists.

        Each rank is an action of its own with the advantage of what follows it: exact for lists
        drawn rank by rank, as `log π(list)` is the sum of the ranks.

        Args:
            logs: (B, n) log probabilities of each rank under the policy that is learned.
            log_before: (B, n) log probabilities under the policy that drew the lists.
            advantages: (B, n) of each rank.
            now: Distributions under the policy that is learned; needed for entropy and KL.
            reference: Of the policy that KL is measured to.
        """
        ratio = (logs - log_before).exp()
        gain = ratio * advantages
        if self.clip > 0:
            # Schulman et al. 2017, equation 7: no gain for going further away than this.
            held = ratio.clamp(1 - self.clip, 1 + self.clip) * advantages
            gain = torch.minimum(gain, held)
        if self.entropy > 0 and now is not None:
            gain = gain + self.entropy * now.entropies()
        if self.divergence > 0 and now is not None and reference is not None:
            gain = gain - self.divergence * now.divergences(reference)
        return -gain.sum(dim=1).mean()
