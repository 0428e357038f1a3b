"""Small steps on heads: test, judge, learn, round by round; a function of the rows alone."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.online.examples import Examples
from scoring.online.guard import Guard
from scoring.online.losses import row_losses
from scoring.online.prequential import Measured, Prequential
from scoring.online.reservoir import Reservoir
from scoring.online.settings import OnlineSettings
from scoring.ranker.heads import Heads
from scoring.ranker.network import HeadsNetwork
from scoring.slates.examination import looked_at


@dataclass(frozen=True, slots=True)
class Round:
    """What one round was.

    Attributes:
        n_rows: That came in.
        n_steps: That were made.
        measured: Of heads that had not seen the rows, over the sliding window, by task.
        drift: The loss on fresh rows has changed.
        excess: Loss above that of the last good heads, as a share of it.
        rolled_back: The last good heads are back.
        moved: The heads are others than after the round before.
    """

    n_rows: int
    n_steps: int
    measured: dict[str, Measured]
    drift: bool
    excess: float
    rolled_back: bool
    moved: bool


class OnlineLearner:
    """Keeps heads fresh without letting them forget.

    Each step is of AdamW on `batch` new rows and as many old ones of a uniform sample of the whole
    past (experience replay; Rolnick et al., NeurIPS 2019), after which weights and item vectors are
    drawn back to the base's by a share of the rate (L2-SP, Li, Grandvalet & Davoine, ICML 2018,
    decoupled as AdamW's decay is). Scaling and calibration stay as the base has them; without
    dropout, so that the same rows in the same rounds give the same bits on the same kind of machine
    and number of threads.

    Attributes:
        base: What learning began with.
        good: The last heads of which it is known that they are no worse than the good ones before.
    """

    def __init__(self, base: Heads, settings: OnlineSettings) -> None:
        """Begin with the base.

        Args:
            base: Heads of a trained ranker.
            settings: See `OnlineSettings`.
        """
        self.base = base
        self.good = base
        self.settings = settings
        self.rng = np.random.Generator(np.random.PCG64(settings.seed))
        empty = Examples.empty(len(base.features), len(base.tasks))
        self.replay = Reservoir(settings.replay, empty, self.rng)
        self.waiting = empty
        self.prequential = Prequential(base.tasks)
        self.guard = Guard(settings.rollback_at)
        self.n_rows = 0
        self.n_rollbacks = 0
        self.network: HeadsNetwork
        self.optimizer: torch.optim.AdamW
        self.take(base)
        self._anchors = [each.detach().clone() for each in self.network.parameters()]
        self._values = [place for place, task in enumerate(base.tasks) if task == "value"]

    def take(self, heads: Heads) -> None:
        """Go on from these heads, without momentum."""
        self.network = copy.deepcopy(heads.network).requires_grad_(requires_grad=True)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=self.settings.rate, weight_decay=0.0, foreach=False
        )

    @property
    def heads(self) -> Heads:
        """What has been learned, as a version.

        Raises:
            RankerError: A number is not finite.
        """
        return Heads.of(self.base.features, self.base.tasks, self.network)

    def learn(self, rows: Examples) -> Round:
        """One round: what is served has been the same for all of these rows.

        Args:
            rows: In the order in which they were closed.
        """
        judged = self.guard.judge(*self._tested(rows))
        rolled_back = judged.verdict == "worse"
        if rolled_back:
            self._roll_back()
        elif judged.verdict == "good":
            self.good = self.heads
            self.guard.begin_again()
        n_steps = self._steps(rows)
        if not all(bool(each.isfinite().all()) for each in self.network.parameters()):
            self._roll_back()
            rolled_back = True
        self.n_rows += len(rows)
        return Round(
            len(rows),
            n_steps,
            self.prequential.measured(),
            judged.drift,
            judged.excess,
            rolled_back,
            moved=rolled_back or n_steps > 0,
        )

    def _tested(self, rows: Examples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n,) losses of what is served and of the last good heads; notes the predictions."""
        with torch.inference_mode():
            losses, logits = self._losses(self.network, rows)
            of_good, _ = self._losses(self.good.network, rows)
            looked = torch.from_numpy(looked_at(rows.ranks, self.settings.looked))
            chances = torch.sigmoid(logits) * looked.unsqueeze(1)
        self.prequential.add(chances.numpy(), rows.targets)
        return losses.sum(1).double().numpy(), of_good.sum(1).double().numpy()

    def _steps(self, rows: Examples) -> int:
        ready = Examples.joined([self.waiting, rows.part(self.rng.permutation(len(rows)))])
        batch, n_steps = self.settings.batch, 0
        for first in range(0, len(ready) - batch + 1, batch):
            fresh = ready.part(slice(first, first + batch))
            self._step([fresh, self.replay.draw(batch)] if len(self.replay) else [fresh])
            n_steps += 1
        self.waiting = ready.part(slice(n_steps * batch, None))
        self.replay.add(rows)
        return n_steps

    def _step(self, parts: list[Examples]) -> None:
        """New rows and old ones weigh alike."""
        self.optimizer.zero_grad(set_to_none=True)
        losses = [self._losses(self.network, part)[0].sum(1).mean() for part in parts]
        torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        back = self.settings.rate * self.settings.distance
        if back:
            with torch.no_grad():
                for mine, anchor in zip(self.network.parameters(), self._anchors, strict=True):
                    mine.lerp_(anchor, min(back, 1.0))

    def _losses(self, network: HeadsNetwork, rows: Examples) -> tuple[Tensor, Tensor]:
        """(n, T) losses and (n, T) calibrated logits."""
        logits = network.calibrated(
            network(torch.from_numpy(rows.features), torch.from_numpy(rows.codes))
        )
        looked = torch.from_numpy(looked_at(rows.ranks, self.settings.looked))
        targets = torch.from_numpy(rows.targets)
        return row_losses(logits, targets, looked, self._values), logits

    def _roll_back(self) -> None:
        self.take(self.good)
        self.guard.begin_again()
        self.n_rollbacks += 1
