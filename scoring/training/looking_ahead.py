"""A joint training that looks ahead now and then: which task's step helps which other task?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from scoring.errors import TrainingError
from scoring.training.affinity import Affinity, mean_affinity, task_affinity
from scoring.training.contracts import Batch, Trainable


class LookingAhead(Generic[Batch]):
    """A `Trainable` that measures affinities on every n-th of its batches and learns as before.

    Fifty et al. average over the whole of a training, for what a step does changes in its course.

    Attributes:
        module: Of what is trained.
        found: One affinity a batch that was looked at.
        n_without: Batches that said nothing: a loss was 0, or of a task that was not in them.
    """

    def __init__(self, trainable: Trainable[Batch], rate: float, every: int) -> None:
        self.module = trainable.module
        self.found: list[Affinity] = []
        self.n_without = 0
        self._trainable = trainable
        self._rate = rate
        self._every = every
        self._n = 0

    @property
    def n_batches(self) -> int:
        """Of an epoch."""
        return self._trainable.n_batches

    def shared(self) -> Sequence[nn.Parameter]:
        """What a step moves."""
        return self._trainable.shared()

    def begin_epoch(self, epoch: int) -> None:
        """As it does."""
        self._trainable.begin_epoch(epoch)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Its own."""
        return self._trainable.batches(epoch)

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Its own, after a look ahead where it is time for one."""
        if self._n % self._every == 0:
            try:
                seen = task_affinity(
                    lambda: self._trainable.losses(batch), self.shared(), self._rate
                )
            except TrainingError:
                self.n_without += 1
            else:
                self.found.append(seen)
        self._n += 1
        return self._trainable.losses(batch)

    def validate(self) -> dict[str, float]:
        """Its own."""
        return self._trainable.validate()

    def mean(self) -> tuple[Affinity, NDArray[np.float64]]:
        """The mean over batches, and (T, T) its standard errors; nan where one batch is all.

        Raises:
            TrainingError: No batch said anything.
        """
        if not self.found:
            raise TrainingError(
                f"none of {self.n_without} batches has losses above 0 of all tasks over shared "
                "weights: look at more of them with a smaller --look-every, or share more"
            )
        gains = np.stack([each.gains for each in self.found])
        n = len(gains)
        errors: NDArray[np.float64] = np.full(gains.shape[1:], np.nan)
        if n > 1:
            errors = gains.std(axis=0, ddof=1) / n**0.5
        return mean_affinity(self.found), errors
