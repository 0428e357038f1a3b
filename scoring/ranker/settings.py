"""How the networks of heads are taught."""

from __future__ import annotations

from typing import Annotated

import msgspec

from scoring.ranker.worst_group import WorstGroup


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a recipe says in `[network]`.

    Attributes:
        width: Of each of its layers.
        n_hidden: How many; 0 = linear.
        epochs: Passes over the lists.
        shown_epochs: Passes over the shown rows.
        learning_rate: Highest, of one cycle (Smith & Topin 2019).
        dropout: After each layer.
        weight_decay: Decoupled.
        seeds: Networks that are taught and say their mean: so many times the width, and the time.
        distilled: With several seeds, one network of the width of one learns what they say, see
            `distilling`, and is what serves.
        n_codes: Vectors for item codes: what shown rows, and a learner on the stream, say of
            single items; 0 = items are known by their columns alone. Each seed's network has its
            own where rows were shown: of 4,096 three fit a message, see `heads.MAX_BYTES`.
        worst_group: A penalty on the worst group of users; None = every list weighs the same.
    """

    width: Annotated[int, msgspec.Meta(ge=1, le=512)] = 64
    n_hidden: Annotated[int, msgspec.Meta(ge=0, le=4)] = 2
    epochs: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 12
    shown_epochs: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 6
    learning_rate: Annotated[float, msgspec.Meta(gt=0, le=1)] = 2e-3
    dropout: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.1
    weight_decay: Annotated[float, msgspec.Meta(ge=0)] = 1e-4
    seeds: Annotated[int, msgspec.Meta(ge=1, le=8)] = 1
    distilled: bool = False
    n_codes: Annotated[int, msgspec.Meta(ge=0, le=20_000)] = 4_096
    worst_group: WorstGroup | None = None
