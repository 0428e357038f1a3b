"""What is taken off a return before it is learned from: variance goes, the mean stays."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

_WIDTH: Final = 64
_FIRST_EPOCHS: Final = 20
_EPOCHS: Final = 4
_BATCH: Final = 1_024


def leave_one_out(returns: Tensor) -> Tensor:
    """(S, ...) returns of S tries of the same, each less the mean of the others.

    Unbiased, for the others do not depend on this try's draw (Kool, van Hoof & Welling 2019, "Buy 4
    REINFORCE samples, get a baseline for free!").

    Raises:
        ValueError: One try has no others.
    """
    n = len(returns)
    if n < 2:
        raise ValueError("a leave-one-out baseline needs at least 2 tries of the same")
    return (returns - returns.mean(dim=0)) * n / (n - 1)


class ValueBaseline:
    """Learned V(s): what a user of one simulator earns from here on, whatever is shown now.

    Reads how users are inside (`Shoppers.inner`), which policies must not: an advantage
    `return - V(s)` is unbiased whatever V knows, as V does not see the draw (Williams 1992; of a
    critic that knows more than its actor: Pinto et al., RSS 2018).

    Args:
        inner: (M, S) of the first round: scales what is read.
        returns: (M,) of the first round: scales what is said, and is learned first. They are no
            longer to be judged by it: see `by_other_users`.
        generator: Of the order of steps.
    """

    def __init__(self, inner: Tensor, returns: Tensor, generator: torch.Generator) -> None:
        self._mean, self._deviation = inner.mean(0), inner.std(0, correction=0) + 1e-6
        self._middle, self._unit = returns.mean(), returns.std(correction=0) + 1e-6
        self._generator = generator
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator.initial_seed())
            self._network = nn.Sequential(
                nn.Linear(inner.shape[1], _WIDTH),
                nn.Tanh(),
                nn.Linear(_WIDTH, _WIDTH),
                nn.Tanh(),
                nn.Linear(_WIDTH, 1),
            )
        self._optimizer = torch.optim.Adam(self._network.parameters(), 2e-3)
        self.learn(inner, returns, epochs=_FIRST_EPOCHS)

    def __call__(self, inner: Tensor) -> Tensor:
        """(M, S) -> (M,)."""
        with torch.no_grad():
            return self._scaled_values(inner) * self._unit + self._middle

    def learn(self, inner: Tensor, targets: Tensor, *, epochs: int = _EPOCHS) -> None:
        """Come nearer to (M,) targets by least squares."""
        wanted = (targets - self._middle) / self._unit
        for _ in range(epochs):
            order = torch.randperm(len(inner), generator=self._generator)
            for chosen in torch.split(order, _BATCH):
                miss = (self._scaled_values(inner[chosen]) - wanted[chosen]).square().mean()
                self._optimizer.zero_grad()
                miss.backward()  # type: ignore[no-untyped-call]
                self._optimizer.step()

    def _scaled_values(self, inner: Tensor) -> Tensor:
        found: Tensor = self._network((inner - self._mean) / self._deviation).squeeze(1)
        return found


def by_other_users(
    inner: Tensor, after: Tensor, returns: Tensor, users: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """(M,) V before and after each visit, learned from the other half of the users.

    What the first round is judged by, when there is no round before it: a V that has learned
    a return has seen the draw, and takes a part of its luck and of its merit off (cross-fitting:
    Chernozhukov et al., Econometrics Journal 2018, section 3).

    Args:
        inner: (M, S) how users were before each visit.
        after: (M, S) and after it.
        returns: (M,).
        users: (M,) int64 whose visit it is, of two users or more.
        generator: Of the order of steps.
    """
    values, follows = torch.empty_like(returns), torch.empty_like(returns)
    for half in (users % 2 == 0, users % 2 == 1):
        other = ValueBaseline(inner[~half], returns[~half], generator)
        values[half], follows[half] = other(inner[half]), other(after[half])
    return values, follows
