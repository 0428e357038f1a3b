"""A log of ad clicks: who converted, and what was known when each click came.

Features are causal: they count clicks of earlier minutes, and conversions whose own time, not that
of their click, was earlier. The file has minutes, so clicks of the same minute do not see each
other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

KEYS: Final = (
    ("ip",),
    ("app",),
    ("device",),
    ("os",),
    ("channel",),
    ("app", "channel"),
    ("ip", "app"),
    ("ip", "device", "os"),
)
_PRIOR_CLICKS: Final = 50.0
_TEST: Final = 0.2


@dataclass(frozen=True, slots=True)
class AdClicks:
    """n clicks in order of time.

    Attributes:
        features: (n, 2 * len(KEYS) + 2) float32; of each key the logarithm of its clicks so far,
            the log odds of its conversions so far, shrunk to those of all; the hour on a circle.
        converted: (n,) float32 of 0 and 1.
        n_train: The clicks before the last fifth; those of its first minute belong to the test.
    """

    features: NDArray[np.float32]
    converted: NDArray[np.float32]
    n_train: int


def read_ad_clicks(path: Path) -> AdClicks:
    """A Parquet file with ip, app, device, os, channel, click_time, attributed_time."""
    table = pq.read_table(path)
    at = _minutes(table["click_time"].to_pylist())
    order = np.argsort(at, kind="stable")
    converted_at = _minutes(table["attributed_time"].to_pylist())[order]
    at = at[order]
    ids = {name: table[name].to_numpy()[order] for name in ("ip", "app", "device", "os", "channel")}
    return make_ad_clicks(ids, at, converted_at)


def make_ad_clicks(
    ids: dict[str, NDArray[np.int64]], at: NDArray[np.int64], converted_at: NDArray[np.int64]
) -> AdClicks:
    """Features of clicks in order of time.

    Args:
        ids: Column -> (n,).
        at: (n,) minutes, never falling.
        converted_at: (n,) minutes, -1 = never.
    """
    n = len(at)
    converted = converted_at >= 0
    nobody = np.zeros(n, np.int64)
    n_before = earlier(nobody, at, nobody, at)
    n_sold = earlier(nobody, at, nobody[converted], converted_at[converted])
    base = (n_sold + 0.5) / (n_before + 200)
    columns = []
    for key in KEYS:
        _, codes = np.unique(np.stack([ids[name] for name in key]), axis=1, return_inverse=True)
        clicks = earlier(codes, at, codes, at)
        sales = earlier(codes, at, codes[converted], converted_at[converted])
        rate = (sales + _PRIOR_CLICKS * base) / (clicks + _PRIOR_CLICKS)
        columns += [np.log1p(clicks), np.log(rate / (1 - rate))]
    hour = at / 60 % 24 * np.pi / 12
    columns += [np.sin(hour), np.cos(hour)]
    first = at[round((1 - _TEST) * n)]
    return AdClicks(
        np.stack(columns, axis=1).astype(np.float32),
        converted.astype(np.float32),
        int(np.searchsorted(at, first)),
    )


def earlier(
    keys: NDArray[np.int64],
    at: NDArray[np.int64],
    event_keys: NDArray[np.int64],
    event_at: NDArray[np.int64],
) -> NDArray[np.int64]:
    """For each (key, minute): how many events of that key came in an earlier minute."""
    start = min(at.min(), event_at.min(initial=at.min()))
    span = int(max(at.max(), event_at.max(initial=at.max())) - start) + 1
    events = np.sort(event_keys * span + (event_at - start))
    until = np.searchsorted(events, keys * span + (at - start))
    counts: NDArray[np.int64] = until - np.searchsorted(events, keys * span)
    return counts


def _minutes(times: list[str | None]) -> NDArray[np.int64]:
    """`2017-11-7 9:30`, not padded -> minutes since 1970; -1 for none."""
    return np.array([-1 if not time else _minute(time) for time in times], np.int64)


def _minute(time: str) -> int:
    day, _, clock = time.partition(" ")
    year, month, date = map(int, day.split("-"))
    hour, minute = map(int, clock.split(":")[:2])
    return int(datetime(year, month, date, hour, minute, tzinfo=UTC).timestamp()) // 60
