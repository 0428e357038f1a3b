"""Click and conversion on the whole exposure space, on top of any form of sharing."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from scoring.errors import SharingError
from scoring.losses.esmm import esmm_losses
from scoring.sharing.contract import Sharing


@dataclass(frozen=True, slots=True)
class Chances:
    """What an exposure may come to; (B,) each, in [0, 1], and sale = click * conversion.

    Attributes:
        click: p(click), of whoever is shown the item.
        conversion: p(conversion | click), also for items that will not be clicked.
        sale: p(click and conversion).
    """

    click: Tensor
    conversion: Tensor
    sale: Tensor


class EsmmHead(nn.Module):
    """Ma et al., SIGIR 2018: two towers whose product is what the sale is learned from.

    The paper shares embeddings only; here the towers are two tasks of a `Sharing`, and the paper's
    is hard sharing with an empty bottom.

    Args:
        sharing: Has the tasks `click` and `conversion`, one output each; others are left alone.
    """

    def __init__(self, sharing: Sharing) -> None:
        super().__init__()
        for task in ("click", "conversion"):
            if sharing.outputs.get(task) != 1:
                raise SharingError(
                    f"ESMM needs the task {task!r} with 1 output; there are {sharing.outputs}"
                )
        self.sharing = sharing

    def forward(self, x: Tensor) -> Chances:
        """(B, D) features of exposures -> their chances."""
        logits = self.sharing(x)
        click, conversion = logits["click"].sigmoid(), logits["conversion"].sigmoid()
        return Chances(click, conversion, click * conversion)

    def losses(self, x: Tensor, clicked: Tensor, converted: Tensor) -> dict[str, Tensor]:
        """(B, D) features, (B,) labels of 0 and 1 -> the losses `click` and `sale`."""
        logits = self.sharing(x)
        return esmm_losses(logits["click"], logits["conversion"], clicked, converted)
