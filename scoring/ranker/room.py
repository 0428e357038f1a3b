"""Whether heads will fit a message: known from their settings, before hours of teaching."""

from __future__ import annotations

import torch

from scoring.errors import RankerError
from scoring.ranker.features import FEATURES
from scoring.ranker.heads import MAX_BYTES
from scoring.ranker.learning import BOUGHT
from scoring.ranker.network import ITEM_WIDTH, HeadsNetwork
from scoring.ranker.settings import NetworkSettings
from scoring.ranker.shown import OF_SHOWN


def require_room(settings: NetworkSettings, *, from_shown: bool) -> None:
    """Refuse settings whose heads no message takes.

    Args:
        settings: How they would be taught.
        from_shown: Whether by shown rows as well.

    Raises:
        RankerError: They would be too large.
    """
    n_bytes = least_bytes(settings, from_shown=from_shown)
    if n_bytes > MAX_BYTES:
        raise RankerError(
            f"[network] makes heads of {n_bytes:,} bytes or more, a message takes {MAX_BYTES:,}: "
            "use a smaller width, n_codes or seeds, or several seeds with distilled"
        )


def least_bytes(settings: NetworkSettings, *, from_shown: bool) -> int:
    """Bytes of the weights that `teaching.taught` comes to; pieces and names are not counted."""
    n_seeds = 1 if settings.distilled else settings.seeds
    tasks = (*OF_SHOWN, BOUGHT) if from_shown else (BOUGHT,)
    with torch.device("meta"):  # shapes without numbers
        network = HeadsNetwork(
            len(FEATURES),
            len(tasks),
            width=n_seeds * settings.width,
            n_hidden=settings.n_hidden,
            n_codes=settings.n_codes,
            item_width=ITEM_WIDTH * (n_seeds if from_shown else 1),
        )
    return sum(each.nbytes for each in network.state_dict().values())
