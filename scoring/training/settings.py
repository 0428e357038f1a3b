"""How a training runs, as `[training]` of a recipe says it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

_Positive = Annotated[float, msgspec.Meta(gt=0)]
_NotNegative = Annotated[float, msgspec.Meta(ge=0)]
_Count = Annotated[int, msgspec.Meta(ge=1)]


class LoopSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the loop.

    Attributes:
        epochs: Passes over the batches, at most.
        learning_rate: Highest rate of AdamW for the shared parameters.
        private_learning_rate: The same for all others (heads, balancer); None = learning_rate.
        weight_decay: Decoupled (Loshchilov & Hutter, ICLR 2019), for matrices only: never for
            biases and norms.
        l2_shared: The λ of ``λ/2 ‖θ_shared‖²``, added to the objective.
        warmup: Share of all steps in which the rate rises from 0.
        decay: How the rate falls to 0 afterwards.
        clip: Largest norm of the gradient; 0 = as it comes.
        measure: Which of the validation's numbers decides what is best; None = the last epoch is.
        lower_is_better: Whether a small one is good.
        patience: So many epochs without a better one end the training; 0 = never.
        checkpoint_every_s: Seconds between checkpoints; each epoch ends with one as well.
        seed: Of dropout, order, sampling and new weights.
    """

    epochs: _Count = 10
    learning_rate: _Positive = 5e-5
    private_learning_rate: _Positive | None = None
    weight_decay: _NotNegative = 0.0
    l2_shared: _NotNegative = 0.0
    warmup: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.1
    decay: Literal["linear", "cosine", "constant"] = "linear"
    clip: _NotNegative = 1.0
    measure: str | None = None
    lower_is_better: bool = False
    patience: Annotated[int, msgspec.Meta(ge=0)] = 0
    checkpoint_every_s: _NotNegative = 120.0
    seed: Annotated[int, msgspec.Meta(ge=0)] = 0
