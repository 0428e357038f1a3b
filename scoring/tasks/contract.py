"""What every text task promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from scoring.training.rows import Fields


@dataclass(frozen=True, slots=True)
class Example:
    """A row that can be learned from.

    Attributes:
        texts: One, or two that belong together. The first decides the split.
        target: Label, grade, or the answer as the file has it; None where the texts are all there
            is.
    """

    texts: tuple[str, ...]
    target: str | float | None = None


Vectors = tuple[Tensor, ...]
"""(B, d) of the first texts of all rows, perhaps (B, d) of the second ones."""


class Task(ABC):
    """Rows, loss, measures and answers of one kind of question about texts.

    A task has no weights: those are its head's. What it learns from its rows beforehand (labels) it
    gives and takes as `facts`, which JSON holds.

    Attributes:
        asked: Columns that a row must have to be predicted.
        classifies: Whether its head may read what experts make of a vector; what compares vectors
            as the index does may not.
        together: Whether its two texts are read as one, each in sight of the other.
        wants_start: Whether `begin` needs vectors of the training rows.
        wants_learned: Whether `calibrate` does.
    """

    asked: ClassVar[tuple[str, ...]]
    classifies: ClassVar[bool] = False
    together: ClassVar[bool] = False
    wants_start: ClassVar[bool] = False
    wants_learned: ClassVar[bool] = False

    @abstractmethod
    def example(self, fields: Fields) -> Example | None:
        """A row as an example; None = it has no place here.

        Raises:
            ValueError: The row is bad, and why.
        """

    def question(self, fields: Fields) -> Example:
        """A row to be predicted, without its target.

        Raises:
            ValueError: The row is bad, and why.
        """
        return Example(tuple(fields.text(name) for name in self.asked))

    def learn_facts(self, rows: Sequence[Example]) -> None:
        """Learn from the training rows what is no weight."""
        return

    def facts(self) -> dict[str, Any]:
        """What JSON must hold for answers to mean the same."""
        return {}

    def set_facts(self, facts: Mapping[str, Any]) -> None:
        """Take `facts` back."""
        return

    @abstractmethod
    def make_head(self, dim: int) -> nn.Module:
        """A new head on vectors of this width."""

    def begin(self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]) -> None:
        """Give a new head a start, from training rows and their vectors before training."""
        return

    @abstractmethod
    def loss(self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]) -> Tensor:
        """Scalar, with gradients."""

    def calibrate(
        self,
        head: nn.Module,
        learned: tuple[Vectors, Sequence[Example]] | None,
        held_out: tuple[Vectors, Sequence[Example]] | None,
        worn: Vectors | None,
    ) -> None:
        """Fit what is fitted after training: class means, temperature, threshold.

        Args:
            head: That has learned.
            learned: Training rows, where the task wants them.
            held_out: Validation rows, where there are any.
            worn: Of the learned rows after their texts have lost words, where there are none.
        """
        return

    @abstractmethod
    def measures(
        self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]
    ) -> dict[str, float]:
        """How good the answers are."""

    @abstractmethod
    def row_losses(self, head: nn.Module, vectors: Vectors, rows: Sequence[Example]) -> Tensor:
        """How wrong each answer is, to compare two models pairwise: (n,), or one a query."""

    @abstractmethod
    def answers(self, head: nn.Module, vectors: Vectors) -> list[dict[str, Any]]:
        """One object a row: the documented columns."""


class Answering(Protocol):
    """A model that has learned tasks, or several that answer as one."""

    @property
    def tasks(self) -> Mapping[str, Task]:
        """By name."""

    def measures(self, name: str, rows: Sequence[Example]) -> dict[str, float]:
        """How good the answers of a task are."""

    def answers(self, name: str, rows: Sequence[Example]) -> list[dict[str, Any]]:
        """One object a row: the documented columns."""
