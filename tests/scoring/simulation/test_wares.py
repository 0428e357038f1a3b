"""What a simulated shop sells."""

from __future__ import annotations

import numpy as np
import pytest

from scoring.simulation import Wares


def test_items_of_the_same_words_are_alike() -> None:
    texts = ["red retro mug", "retro mug blue", "garden gnome statue", "..."]
    wares = Wares.of_items(texts, ["Kitchen", None, "Garden", None], [4.0, None, 0.0, 2.0])
    alike = wares.vectors @ wares.vectors.T
    assert np.diag(alike) == pytest.approx(1)
    assert alike[0, 1] > alike[0, 2]
    assert wares.kinds[0] != wares.kinds[2]
    assert wares.log_prices[1] == wares.log_prices[2] == pytest.approx(np.log(8) / 2)


def test_what_looks_best_is_not_what_is_best() -> None:
    wares = Wares.invented(5_000)
    assert np.corrcoef(wares.lures, wares.qualities)[0, 1] == pytest.approx(-0.5, abs=0.05)
    assert (wares.vectors == Wares.invented(5_000).vectors).all()


def test_an_empty_shop_is_refused() -> None:
    with pytest.raises(ValueError, match="0 texts"):
        Wares.of_items([], [], [])
