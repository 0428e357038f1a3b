"""The processes that train one model together, started by torchrun or `accelerate launch`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import torch
from torch import Tensor, distributed, nn

# While one validates or translates, the others wait; the launcher ends them if that one dies.
_PATIENCE: Final = timedelta(hours=12)


class Processes:
    """This process among those of a training. Alone, every method gives back what it was given.

    All must call the same methods in the same order. Nothing but numbers and text goes between
    them.

    Attributes:
        rank: Of this one, from 0.
        count: Of all.
        device: Where this one computes.
    """

    def __init__(self, rank: int = 0, count: int = 1, device: torch.device | None = None) -> None:
        self.rank, self.count = rank, count
        self.device = device or torch.device("cpu")

    @property
    def main(self) -> bool:
        """Whether this one writes, measures and prints."""
        return self.rank == 0

    def means(self, values: Mapping[str, float]) -> dict[str, float]:
        """Mean by name."""
        if self.count == 1:
            return dict(values)
        told = torch.tensor(list(values.values()), dtype=torch.float64, device=self.device)
        return dict(zip(values, mean_over_processes(told).tolist(), strict=True))

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each `.grad` by its mean; the same parameters must have one everywhere."""
        if self.count == 1:
            return
        grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
        together = mean_over_processes(torch.cat([grad.reshape(-1) for grad in grads]))
        start = 0
        for grad in grads:
            grad.copy_(together[start : start + grad.numel()].view_as(grad))
            start += grad.numel()

    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Give all processes the numbers of process 0, in place."""
        if self.count > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, src=0)

    def tell(self, text: str) -> str:
        """What process 0 says."""
        if self.count == 1:
            return text
        said = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8).to(self.device)
        length = torch.tensor([len(said)], device=self.device)
        distributed.broadcast(length, src=0)
        if not self.main:
            said = torch.empty(int(length), dtype=torch.uint8, device=self.device)
        distributed.broadcast(said, src=0)
        return bytes(said.cpu().tolist()).decode()

    def any(self, *asked: bool) -> tuple[bool, ...]:
        """For each question, whether one process says yes."""
        if self.count == 1:
            return asked
        from accelerate.utils import reduce

        votes = torch.tensor([float(each) for each in asked], device=self.device)
        return tuple(vote > 0 for vote in reduce(votes, reduction="sum").tolist())

    def gather(self, tensor: Tensor) -> Sequence[Tensor]:
        """One tensor of each process, in their order; all of one shape."""
        if self.count == 1:
            return [tensor]
        from accelerate.utils import gather

        together: Tensor = gather(tensor.to(self.device).unsqueeze(0))
        return list(together.to(tensor.device))

    def wait(self) -> None:
        """Go on when all are here."""
        if self.count > 1:
            self.any(False)

    @contextmanager
    def main_first(self) -> Iterator[None]:
        """The others begin the block when process 0 has ended it."""
        if not self.main:
            self.wait()
        yield
        if self.main:
            self.wait()


ALONE: Final = Processes()


@contextmanager
def joined() -> Iterator[Processes]:
    """Those that a launcher has started, with a GPU each where there are any; else this one alone.

    Alone and without a launcher, it computes on the CPU.
    """
    if "LOCAL_RANK" not in os.environ:
        yield ALONE
        return
    from accelerate import PartialState

    nested = distributed.is_initialized()
    state = PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)
    try:
        yield Processes(state.process_index, state.num_processes, state.device)
    finally:
        if not nested:
            state.destroy_process_group()


def mean_over_processes(values: Tensor) -> Tensor:
    """The mean of what all processes have; where there is one, the values as they are."""
    if not (distributed.is_available() and distributed.is_initialized()) or not values.numel():
        return values
    from accelerate.utils import reduce

    found: Tensor = reduce(values, reduction="mean")
    return found
