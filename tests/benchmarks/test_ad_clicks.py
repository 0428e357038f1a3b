"""Features of ad clicks know nothing of the future."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.benchmarks.ad_clicks import earlier, make_ad_clicks


def some_clicks(n: int = 300) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    names = ("ip", "app", "device", "os", "channel")
    return {name: rng.integers(0, 4, n) for name in names}, np.sort(rng.integers(0, 60, n))


def test_earlier_counts_are_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(1)
    keys, at = rng.integers(0, 3, 50), rng.integers(10, 30, 50)
    event_keys, event_at = rng.integers(0, 4, 40), rng.integers(5, 40, 40)
    expected = [
        sum(k == key and t < now for k, t in zip(event_keys, event_at, strict=True))
        for key, now in zip(keys, at, strict=True)
    ]
    assert earlier(keys, at, event_keys, event_at).tolist() == expected


def test_what_comes_later_changes_no_feature() -> None:
    """Neither later clicks nor conversions that come after a click, of clicks before it."""
    ids, at = some_clicks()
    sold = np.where(np.arange(300) % 5 == 0, at + 7, -1)
    whole = make_ad_clicks(ids, at, sold)
    now = int(at[150])
    n = int(np.searchsorted(at, now, side="right"))
    known = np.where(sold < now, sold, -1)[:n]
    part = make_ad_clicks({name: each[:n] for name, each in ids.items()}, at[:n], known)
    np.testing.assert_allclose(part.features, whole.features[:n], rtol=1e-6)
    assert not np.allclose(whole.features[:n], make_ad_clicks(ids, at, at).features[:n])


def test_the_test_begins_at_a_full_minute() -> None:
    ids, at = some_clicks()
    clicks = make_ad_clicks(ids, at, np.full(300, -1))
    assert at[clicks.n_train - 1] < at[clicks.n_train]
    assert clicks.n_train == pytest.approx(240, abs=10)
