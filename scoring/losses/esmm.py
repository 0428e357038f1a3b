"""Conversion learned on every exposure, not on clicked items alone."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid


def sale_losses(click: Tensor, conversion: Tensor, converted: Tensor) -> Tensor:
    """The second loss of Ma et al., SIGIR 2018, equation 3: of click and conversion.

    A conversion rate learned from clicked items alone is asked about items that nobody has
    clicked: other items than those it knows. Here p(sale) = p(click) p(conversion | click) is
    fitted to all that was shown, and the conversion rate is what remains of it. The first loss of
    the equation is the plain cross-entropy of the click.

    Args:
        click: (B,) logits of p(click).
        conversion: (B,) logits of p(conversion | click).
        converted: (B,) 0 or 1: clicked and converted.

    Returns:
        (B,) cross-entropies.
    """
    log_sale, log_none = log_sale_chances(click, conversion)
    return -(converted * log_sale + (1 - converted) * log_none)


def log_sale_chances(click: Tensor, conversion: Tensor) -> tuple[Tensor, Tensor]:
    """(B,) logits of p(click) and p(conversion | click) -> log p(sale), log(1 - p(sale)).

    1 - ab = (1 - a) + a (1 - b): a sum of positive terms, so that no digits are lost, however
    large the logits are.
    """
    log_click = logsigmoid(click)
    log_none = logsigmoid(-click).logaddexp(log_click + logsigmoid(-conversion))
    return log_click + logsigmoid(conversion), log_none
