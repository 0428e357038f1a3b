"""What the loop asks of those it works with: something to train, a balancer, a listener."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from torch import Tensor, nn

Batch = TypeVar("Batch")


class Trainable(Protocol[Batch]):
    """A model together with the batches that it learns from."""

    @property
    def module(self) -> nn.Module:
        """All weights.

        The loop puts it into training mode for batches and into evaluation mode for `validate`,
        saves it in checkpoints, and leaves it with its best weights.
        """
        ...

    @property
    def n_batches(self) -> int:
        """Batches of an epoch; the same number in each."""
        ...

    def shared(self) -> Sequence[nn.Parameter]:
        """Parameters that several losses share; all others of the module are private."""
        ...

    def begin_epoch(self, epoch: int) -> None:
        """Called before an epoch's batches, and again when a training resumes within it.

        Whatever depends on the epoch (frozen layers) must depend on nothing else.
        """
        return

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, counted from 0.

        A function of the epoch and the seed alone, never of the weights, of torch's global
        generator or of what was drawn before: a resumed training skips those it has seen.
        """
        ...

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """A batch -> one scalar a loss, with gradients; a task that is not in it has no entry."""
        ...

    def validate(self) -> dict[str, float]:
        """Measures on what was held out. No gradients are recorded.

        Called after each epoch, and before the first one where a measure decides what is best: a
        name that is not there is told at once.
        """
        ...


class Balancer(Protocol):
    """How several losses become one gradient. An `nn.Module`, perhaps with parameters of its own.

    Whatever must survive a kill is a parameter or a buffer of fixed shape.
    """

    def backward(self, losses: Mapping[str, Tensor], shared: Sequence[nn.Parameter]) -> None:
        """Add the gradients of all parameters to their `.grad`."""
        ...

    def end_epoch(self, mean_losses: Mapping[str, float]) -> None:
        """Learn the mean of each loss over the epoch that has ended."""
        ...


class Writer(Protocol):
    """Where curves go; `torch.utils.tensorboard.SummaryWriter` is one."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Note a value at a step."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is.

    Attributes:
        epoch: From 0.
        step: Steps done, of all epochs.
        n_steps: Steps of all epochs, if none is saved by stopping early.
        losses: Each loss, averaged over the last steps.
        per_s: Steps a second.
        left_s: Seconds to the last step at that pace.
        measures: Of the validation, where an epoch has just ended.
    """

    epoch: int
    step: int
    n_steps: int
    losses: Mapping[str, float]
    per_s: float
    left_s: float
    measures: Mapping[str, float] | None = None
