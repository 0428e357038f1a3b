"""Training on the census: a form of sharing on top of its features, in the product's own loop."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import log_loss, roc_auc_score
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from scoring.balancing import make_balancer
from scoring.sharing import Sharing, count_parameters, fit_width, make_sharing
from scoring.training.adversarial import adversarial_losses
from scoring.training.loop import fit
from scoring.training.settings import LoopSettings
from tests.benchmarks.census import Census, CensusFeatures, Rows

_BATCH: Final = 512
_TOWER: Final = (16,)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is trained, and how.

    Attributes:
        budget: Most parameters on top of the features.
        fgm: Length of the attack on the embedded categories; 0 = none.
        patience: Epochs without a better one that end it; 0 = the last weights are taken.
    """

    tasks: tuple[str, ...]
    sharing: str = "hard"
    balancer: str = "fixed"
    budget: int = 10_000
    rate: float = 6e-3
    dropout: float = 0.1
    decay: float = 0.01
    l2_shared: float = 0.0
    fgm: float = 0.0
    patience: int = 3
    epochs: int = 15


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one run; losses in nats, areas under the ROC curve.

    Attributes:
        valid: Sum of the log losses on what was held out.
        losses: Task -> log loss on the test set.
        areas: Task -> AUC on the test set.
        cpu_s: Processor seconds of the training.
    """

    valid: float
    losses: dict[str, float]
    areas: dict[str, float]
    n_parameters: int
    cpu_s: float


class CensusModel(nn.Module):
    """Features, then a form of sharing as wide as the budget lets it be."""

    def __init__(self, census: Census, recipe: Recipe) -> None:
        super().__init__()
        self.features = CensusFeatures(census)
        outputs = dict.fromkeys(recipe.tasks, 1)

        def make(width: int) -> Sharing:
            return make_sharing(
                recipe.sharing,
                self.features.dim,
                outputs,
                hidden=(width,),
                tower=_TOWER,
                dropout=recipe.dropout,
            )

        self.sharing = make(fit_width(make, recipe.budget))

    def forward(self, codes: Tensor, numbers: Tensor) -> dict[str, Tensor]:
        """(B, 8) and (B, 5) -> task -> (B,) logits."""
        logits: dict[str, Tensor] = self.sharing(self.features(codes, numbers))
        return logits


class CensusTraining:
    """What the loop trains."""

    def __init__(self, census: Census, recipe: Recipe, seed: int, tasks: Sequence[str]) -> None:
        self.module = CensusModel(census, recipe)
        self.n_batches = len(census.train) // _BATCH
        self._census, self._recipe, self._seed = census, recipe, seed
        self._columns = [tasks.index(task) for task in recipe.tasks]

    def shared(self) -> list[nn.Parameter]:
        """The embedded categories and what the form shares."""
        return [*self.module.features.parameters(), *self.module.sharing.shared()]

    def begin_epoch(self, epoch: int) -> None:
        """Nothing depends on it."""

    def batches(self, epoch: int) -> Iterator[NDArray[np.int64]]:
        """Places of the training set, shuffled; the last, smaller batch is left out."""
        order = np.random.default_rng([self._seed, epoch]).permutation(len(self._census.train))
        for batch in range(self.n_batches):
            yield order[batch * _BATCH : (batch + 1) * _BATCH]

    def losses(self, batch: NDArray[np.int64]) -> dict[str, Tensor]:
        """Cross-entropies."""
        rows = self._census.train.part(batch)
        codes, numbers = torch.from_numpy(rows.codes), torch.from_numpy(rows.numbers)
        labels = torch.from_numpy(rows.labels)

        def compute() -> dict[str, Tensor]:
            logits = self.module(codes, numbers)
            return {
                task: binary_cross_entropy_with_logits(logits[task], labels[:, column])
                for task, column in zip(self._recipe.tasks, self._columns, strict=True)
            }

        if self._recipe.fgm:
            return adversarial_losses(self.module.features.words, compute, self._recipe.fgm)
        return compute()

    def validate(self) -> dict[str, float]:
        """The sum of the log losses on what was held out."""
        return {"loss": sum(self.measure(self._census.valid)[0].values())}

    def measure(self, rows: Rows) -> tuple[dict[str, float], dict[str, float]]:
        """Log loss and AUC by task."""
        with torch.no_grad():
            logits = self.module(torch.from_numpy(rows.codes), torch.from_numpy(rows.numbers))
        losses, areas = {}, {}
        for task, column in zip(self._recipe.tasks, self._columns, strict=True):
            chances = torch.sigmoid(logits[task].double()).numpy()
            losses[task] = float(log_loss(rows.labels[:, column], chances))
            areas[task] = float(roc_auc_score(rows.labels[:, column], chances))
        return losses, areas


def train(census: Census, recipe: Recipe, seed: int, tasks: Sequence[str]) -> Outcome:
    """One run from start to test."""
    torch.manual_seed(seed)
    training = CensusTraining(census, recipe, seed, tasks)
    settings = LoopSettings(
        epochs=recipe.epochs,
        learning_rate=recipe.rate,
        weight_decay=recipe.decay,
        l2_shared=recipe.l2_shared,
        measure="loss" if recipe.patience else None,
        lower_is_better=True,
        patience=recipe.patience,
        decay="cosine",
        seed=seed,
    )
    began = time.process_time()
    fitted = fit(training, settings, make_balancer(recipe.balancer, recipe.tasks))
    cpu_s = time.process_time() - began
    losses, areas = training.measure(census.test)
    n_parameters = count_parameters(training.module)
    return Outcome(fitted.measures["loss"], losses, areas, n_parameters, cpu_s)
