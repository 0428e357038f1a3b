"""Features of ad clicks know nothing of the future."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.benchmarks.ad_clicks import (
    earlier,
    likeliest_prior,
    make_ad_clicks,
    minutes_since,
    shrunk,
)


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
    whole = make_ad_clicks(ids, at, sold, 100)
    now = int(at[150])
    n = int(np.searchsorted(at, now, side="right"))
    known = np.where(sold < now, sold, -1)[:n]
    first = {name: each[:n] for name, each in ids.items()}
    part = make_ad_clicks(first, at[:n], known, 100)
    np.testing.assert_allclose(part.features, whole.features[:n], rtol=1e-6)
    assert not np.allclose(whole.features[:n], make_ad_clicks(ids, at, at, 100).features[:n])


def test_the_test_begins_at_a_full_minute() -> None:
    ids, at = some_clicks()
    clicks = make_ad_clicks(ids, at, np.full(300, -1), 100)
    assert at[clicks.n_train - 1] < at[clicks.n_train]
    assert clicks.n_train == pytest.approx(240, abs=10)


def test_minutes_since_are_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(2)
    keys, at = rng.integers(0, 3, 60), np.sort(rng.integers(100, 4_000, 60))
    at[20:23] = at[20]  # a minute of three clicks: they do not see each other
    keys[20:23] = 1
    pairs = list(zip(keys, at, strict=True))
    expected = [
        min([now - t for k, t in pairs if k == key and t < now] + [24 * 60]) for key, now in pairs
    ]
    assert minutes_since(keys, at).tolist() == expected
    assert min(expected) < max(expected) == 24 * 60


def test_a_prior_is_as_strong_as_keys_are_alike() -> None:
    """Drawn: chances of keys from a beta distribution of strength 4 and mean .2."""
    rng = np.random.default_rng(3)
    keys = np.repeat(np.arange(2_000), 10)
    converted = rng.random(20_000) < rng.beta(0.8, 3.2, 2_000)[keys]
    clicks = np.tile(np.arange(10), 2_000)
    sold = converted.reshape(-1, 10).astype(np.int64)
    sales: NDArray[np.int64] = (np.cumsum(sold, axis=1) - sold).ravel()
    base = np.zeros(20_000)
    strength, shift = likeliest_prior(clicks, sales, base, converted)
    assert strength == pytest.approx(4, rel=0.15)
    assert shrunk(np.array([0]), np.array([0]), base[:1], strength, shift) == pytest.approx(
        0.2, abs=0.01
    )
