"""What every balancer promises, and the weighted sum that half of them are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from scoring.errors import BalancerError


class Balancer(nn.Module, ABC):
    """Losses of a step -> gradients of all parameters.

    A step may hold the losses of some of the tasks only, as when tasks are sampled; a method that
    compares tasks compares those. Scales are such that equal weights mean the plain sum of
    the losses, so a learning rate means the same under each. State that must survive a kill is a
    parameter or a buffer of fixed shape. Own parameters, where there are any, are vectors that the
    loop's optimiser updates; they want no weight decay.

    Attributes:
        tasks: Their names, in the order of every vector with one value a task.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__()
        if not tasks or len(set(tasks)) != len(tasks):
            raise BalancerError(f"tasks are {list(tasks)}: at least one is needed, none twice")
        self.tasks = tuple(tasks)

    @abstractmethod
    def backward(self, losses: Mapping[str, Tensor], shared: Sequence[nn.Parameter]) -> None:
        """Add the gradients of all parameters, shared and private, to their `.grad`.

        Args:
            losses: Scalars by task, of one graph or of several; their graphs are used up.
            shared: Parameters that several losses reach. All others are private to a task: no
                other task can disagree about them.

        Raises:
            BalancerError: A loss of an unknown task, or none at all.
        """

    def end_epoch(self, mean_losses: Mapping[str, float]) -> None:
        """Learn the mean of each loss over the epoch that has ended. Most have no use for it."""

    def places(self, losses: Mapping[str, object]) -> Tensor:
        """Where the tasks of some losses are in `tasks`: (n,) in the order of the losses.

        Raises:
            BalancerError: A loss of an unknown task, or none at all.
        """
        if not losses:
            raise BalancerError("no losses: a step needs at least one")
        if unknown := losses.keys() - set(self.tasks):
            raise BalancerError(f"losses of {sorted(unknown)}; the tasks are {list(self.tasks)}")
        return torch.tensor([self.tasks.index(task) for task in losses])


def stacked(losses: Mapping[str, Tensor]) -> Tensor:
    """Scalars by task -> (n,), in their order."""
    return torch.stack([loss.reshape(()) for loss in losses.values()])
