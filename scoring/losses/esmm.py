"""Click and conversion learned on every exposure, none of them on clicked items alone."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid


def esmm_losses(
    click: Tensor, conversion: Tensor, clicked: Tensor, converted: Tensor
) -> dict[str, Tensor]:
    """The two losses of Ma et al., SIGIR 2018, equation 3: of click, and of click and conversion.

    A conversion rate learned from clicked items alone is asked about items that nobody has
    clicked: other items than those it knows. Here p(sale) = p(click) p(conversion | click) is
    fitted to all that was shown, and the conversion rate is what remains of it.

    Args:
        click: (B,) logits of p(click).
        conversion: (B,) logits of p(conversion | click).
        clicked: (B,) 0 or 1.
        converted: (B,) 0 or 1: clicked and converted.

    Returns:
        `click` and `sale`, the mean cross-entropy of each.
    """
    log_sale, log_none = log_sale_chances(click, conversion)
    sale = -(converted * log_sale + (1 - converted) * log_none).mean()
    return {"click": binary_cross_entropy_with_logits(click, clicked), "sale": sale}


def log_sale_chances(click: Tensor, conversion: Tensor) -> tuple[Tensor, Tensor]:
    """(B,) logits of p(click) and p(conversion | click) -> log p(sale), log(1 - p(sale)).

    1 - ab = (1 - a) + a (1 - b): a sum of positive terms, so that no digits are lost, however
    large the logits are.
    """
    log_click = logsigmoid(click)
    log_none = logsigmoid(-click).logaddexp(log_click + logsigmoid(-conversion))
    return log_click + logsigmoid(conversion), log_none
