"""Click and conversion on the whole exposure space, on top of any form of sharing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from scoring.behaviour.columns import yes_or_no
from scoring.behaviour.recipe import ConversionSettings
from scoring.behaviour.tasks.binary import DECIMALS, binary_measures
from scoring.behaviour.tasks.contract import BehaviourTask, Label, Logits, base_rates, observed
from scoring.losses.esmm import sale_losses


class Conversion(BehaviourTask):
    """Ma et al., SIGIR 2018: what is learned is p(sale) = p(click) p(conversion | click).

    The paper shares embeddings only; here click and conversion are two tasks of a form of sharing,
    and the paper's is hard sharing with nothing hidden in common. Labels say of every exposure
    whether it converted; answers are `score`, P(conversion | click), also for what will not be
    clicked, and `sale`, P(click and conversion).

    Args:
        name: Of the task.
        settings: Its column, and which task is its click.
        click_column: Label of that task.
    """

    def __init__(self, name: str, settings: ConversionSettings, click_column: str) -> None:
        self.name = name
        self.outputs = {name: 1}
        self.needs = (settings.given,)
        self._given = settings.given
        self._column = settings.column or name
        self._click_column = click_column

    def label(self, row: Mapping[str, object]) -> Label:
        """Empty is 0 where there was no click; 1 without a click is an error."""
        clicked, converted = yes_or_no(row, self._click_column), yes_or_no(row, self._column)
        if converted == 1 and clicked == 0:
            raise ValueError(
                f"{self._column!r} is 1 and {self._click_column!r} is 0: what converts was clicked"
            )
        return (0.0 if clicked == 0 else converted,)

    def rates(self, targets: Mapping[str, Tensor]) -> dict[str, float]:
        """Conversions of the clicks."""
        clicked = targets[self._given][:, 0] == 1
        return base_rates({self.name: targets[self.name][clicked, 0]})

    def row_losses(self, logits: Logits, targets: Tensor) -> Tensor:
        """Of the sale, over all that was shown."""
        seen = self.seen(targets)
        wanted = torch.where(seen, targets[:, 0], 0.0)
        return observed(sale_losses(logits[self._given], logits[self.name], wanted), seen)

    def chances(self, logits: Logits) -> Tensor:
        """(n,) of a conversion after a click."""
        return logits[self.name].sigmoid()

    def measures(self, logits: Logits, targets: Tensor) -> dict[str, float]:
        """Of the sale, over all exposures."""
        seen = self.seen(targets)
        sale = logits[self._given].sigmoid() * self.chances(logits)
        return binary_measures(sale[seen], targets[seen, 0], self.loss(logits, targets))

    def answers(self, logits: Logits) -> list[dict[str, Any]]:
        """Both chances."""
        conversion = self.chances(logits)
        sale = logits[self._given].sigmoid() * conversion
        return [
            {"score": round(one, DECIMALS), "sale": round(both, DECIMALS)}
            for one, both in zip(conversion.tolist(), sale.tolist(), strict=True)
        ]
