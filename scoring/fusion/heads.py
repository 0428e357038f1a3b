"""Heads that read the vectors of several models side by side and answer with a weighted mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from scoring.errors import ModelError
from scoring.heads.classes import Classes
from scoring.heads.pair_grade import PairGrade
from scoring.heads.yes_no import YesNo
from scoring.words.heads import WordYesNo


class _Side(nn.Module):
    """Members with a weight each, and where in a row of vectors each one's begins.

    Args:
        members: Heads that answer alike.
        shares: Of each, above 0, of sum 1.
        widths: Of each one's vectors.
    """

    def __init__(
        self, members: Sequence[nn.Module], shares: Sequence[float], widths: Sequence[int]
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.shares = tuple(shares)
        self.widths = list(widths)

    def parts(self, vectors: Tensor) -> tuple[Tensor, ...]:
        """(B, sum of widths) -> (B, width) a member."""
        return torch.split(vectors, self.widths, dim=1)


class FusedClasses(Classes):
    """Logarithmic opinion pool of class probabilities (Genest & Zidek, Stat. Sci. 1986, eq. 3.5).

    Each member's probabilities are calibrated before. It abstains where the members, by weight, are
    nearer to abstaining than to an answer.
    """

    nearness_is = "fused"

    def __init__(
        self, members: Sequence[Classes], shares: Sequence[float], widths: Sequence[int]
    ) -> None:
        super().__init__(threshold=0.0)
        self._side = _Side(members, shares, widths)

    def forward(self, vectors: Tensor) -> Tensor:
        """(B, sum of d) -> (B, C) weighted log-probabilities; not normalised."""
        found = torch.stack(
            [
                share * log_softmax(head(part) / head.temperature, dim=1)
                for head, share, part in self._each(vectors)
            ]
        )
        return found.sum(dim=0)

    def nearness(self, vectors: Tensor) -> Tensor:
        """(B, sum of d) -> (B,) how far above its own threshold each member is, by weight."""
        found = torch.stack(
            [
                share * (head.nearness(part) - head.threshold)
                for head, share, part in self._each(vectors)
            ]
        )
        return found.sum(dim=0)

    def _each(self, vectors: Tensor) -> zip[tuple[Classes, float, Tensor]]:
        side = self._side
        members = cast(Sequence[Classes], side.members)
        return zip(members, side.shares, side.parts(vectors), strict=True)


class FusedLogits(nn.Module):
    """Weighted mean of log odds: of a yes, or of a pair's grade.

    Attributes:
        temperature: () 1; each member's logits are divided by its own before.
    """

    temperature: Tensor

    def __init__(
        self, members: Sequence[nn.Module], shares: Sequence[float], widths: Sequence[int]
    ) -> None:
        super().__init__()
        self._side = _Side(members, shares, widths)
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, *vectors: Tensor) -> Tensor:
        """(B, sum of d) for each text -> (B,) logits."""
        side = self._side
        texts = zip(*map(side.parts, vectors), strict=True)  # member -> its vectors of each text
        found = [
            share * head(*parts) / getattr(head, "temperature", 1.0)
            for head, share, parts in zip(side.members, side.shares, texts, strict=True)
        ]
        return torch.stack(found).sum(dim=0)


def fused_head(
    members: Sequence[nn.Module], shares: Sequence[float], widths: Sequence[int]
) -> nn.Module:
    """One head of several; `nn.Identity` where the vectors themselves are what is compared.

    Raises:
        ModelError: They do not answer alike.
    """
    kinds = {type(member) for member in members}
    if all(isinstance(member, Classes) for member in members):
        return FusedClasses(cast(Sequence[Classes], members), shares, widths)
    if kinds <= {YesNo, WordYesNo} or kinds == {PairGrade}:
        return FusedLogits(members, shares, widths)
    if kinds == {nn.Identity}:
        return nn.Identity()
    names = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise ModelError(f"heads of different kinds have no mean: {names}")
