"""Trained models side by side, asked as if they were one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import nn
from torch.nn.functional import normalize

from scoring.errors import ModelError
from scoring.fusion.heads import fused_head
from scoring.language.text_answers import TextAnswers
from scoring.tasks.contract import Example, Task, Vectors
from scoring.words.model import WordsModel

Member = TextAnswers | WordsModel

_WIDTH: Final = re.compile(r"_\d+$")


class FusedModel:
    """The weighted mean of what several models say, asked like `Answering`.

    Vectors of all members stand side by side. Where a task compares vectors as the index does,
    each is first scaled to the root of its member's weight, so that their cosine is the weighted
    mean of the members' cosines.

    Args:
        members: With the same tasks and labels; they need not have the same ancestor.
        shares: Of each, above 0; divided by their sum.

    Attributes:
        tasks: By name, those of the first member.
        heads: By the same names.

    Raises:
        ModelError: They do not answer the same questions.
    """

    def __init__(self, members: Sequence[Member], shares: Sequence[float]) -> None:
        if len(members) < 2 or len(shares) != len(members) or min(shares) <= 0:
            raise ModelError(
                f"{len(members)} models and {len(shares)} weights: two models at least, and a "
                "weight above 0 for each"
            )
        self._members = list(members)
        self._shares = [share / sum(shares) for share in shares]
        self.tasks: Mapping[str, Task] = members[0].tasks
        for other in members[1:]:
            if _questions(other) != _questions(members[0]):
                raise ModelError("the models have other tasks or labels: train both with them")
        self.heads: Mapping[str, nn.Module] = {
            name: fused_head(
                [member.heads[name] for member in members],
                self._shares,
                [member.width(name) for member in members],
            ).eval()
            for name in self.tasks
        }

    def vectors(self, name: str, rows: Sequence[Example]) -> Vectors:
        """Rows (n) of a task -> (n, sum of d) for each of their texts, without gradients."""
        return self.joined(name, [member.vectors(name, rows) for member in self._members])

    def joined(self, name: str, found: Sequence[Vectors]) -> Vectors:
        """What each member makes of the texts, (n, d) a text -> (n, sum of d) a text."""
        if isinstance(self.heads[name], nn.Identity):
            found = [
                tuple(share**0.5 * normalize(side, dim=1) for side in sides)
                for share, sides in zip(self._shares, found, strict=True)
            ]
        return tuple(torch.cat(sides, dim=1) for sides in zip(*found, strict=True))

    def measures(self, name: str, rows: Sequence[Example]) -> dict[str, float]:
        """How good the answers of a task are; widths of vectors are each member's own affair."""
        with torch.no_grad():
            found = self.tasks[name].measures(self.heads[name], self.vectors(name, rows), rows)
        return {name: value for name, value in found.items() if not _WIDTH.search(name)}

    def answers(self, name: str, rows: Sequence[Example]) -> list[dict[str, Any]]:
        """One object a row: the task's documented columns."""
        return self.tasks[name].answers(self.heads[name], self.vectors(name, rows))


def _questions(model: Member) -> dict[str, tuple[type[Task], object]]:
    return {name: (type(task), task.facts()) for name, task in model.tasks.items()}
