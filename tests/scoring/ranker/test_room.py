"""How large heads become is known before they are taught."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.errors import RankerError
from scoring.ranker.room import least_bytes, require_room
from scoring.ranker.settings import NetworkSettings
from scoring.ranker.teaching import taught
from tests.scoring.ranker.test_teaching import lists_of, shown_of


@pytest.mark.parametrize("from_shown", [False, True])
@pytest.mark.parametrize(
    "more",
    [{}, {"seeds": 2}, {"seeds": 2, "distilled": True}, {"n_hidden": 0}, {"n_codes": 0}],
    ids=str,
)
def test_heads_are_as_large_as_was_said(from_shown: bool, more: dict[str, int]) -> None:
    """But for a header of some kilobytes and, with shown rows, their pieces."""
    numbers = {"width": 64, "n_codes": 500, "epochs": 1, "shown_epochs": 1} | more
    settings = NetworkSettings(**numbers)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    shown = shown_of(40, rng) if from_shown else None
    heads, _ = taught(lists_of(4, rng), shown, settings, 0, rng)
    said, is_so = least_bytes(settings, from_shown=from_shown), len(heads.to_bytes())
    n_pieces = heads.network.n_pieces
    of_pieces = n_pieces * (heads.network.first.weight.shape[0] * 4 + 16)
    assert said + of_pieces < is_so < said + of_pieces + 4_096


@pytest.mark.parametrize(
    ("settings", "from_shown", "fits"),
    [
        (NetworkSettings(), True, True),
        (NetworkSettings(seeds=3), True, True),
        (NetworkSettings(seeds=8), True, False),
        (NetworkSettings(seeds=8, distilled=True), True, True),
        (NetworkSettings(width=512), False, False),
        (NetworkSettings(n_codes=20_000), False, True),
        (NetworkSettings(n_codes=20_000, seeds=2), False, True),
        (NetworkSettings(n_codes=20_000, seeds=2), True, False),
    ],
)
def test_what_no_message_takes_is_refused(
    settings: NetworkSettings, from_shown: bool, fits: bool
) -> None:
    if fits:
        require_room(settings, from_shown=from_shown)
        return
    with pytest.raises(RankerError, match="a message takes 900,000: use a smaller width"):
        require_room(settings, from_shown=from_shown)
