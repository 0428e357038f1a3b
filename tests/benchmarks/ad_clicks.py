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
from scipy.optimize import minimize
from scipy.special import expit, logit

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
_TEST: Final = 0.2
_PRIOR: Final = 0.3  # of all clicks: priors are fitted before the first that a model is judged by
_DAY: Final = 24 * 60

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AdClicks:
    """n clicks in order of time.

    Attributes:
        features: (n, 2 * len(KEYS) + 3) float32; of each key the log odds of its conversions so
            far, with a prior, and whether it is new; of those with an ip the logarithm of the
            minutes since its latest click, a day at most.
        words: (n, 5) app, channel, os, device, and the first two as a pair.
        converted: (n,) float32 of 0 and 1.
        n_train: The clicks before the last fifth; those of its first minute belong to the test.
    """

    features: NDArray[np.float32]
    words: NDArray[np.object_]
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
    return make_ad_clicks(ids, at, converted_at, round(_PRIOR * len(at)))


def make_ad_clicks(
    ids: dict[str, NDArray[np.int64]],
    at: NDArray[np.int64],
    converted_at: NDArray[np.int64],
    n_prior: int,
) -> AdClicks:
    """Features of clicks in order of time.

    Args:
        ids: Column -> (n,).
        at: (n,) minutes, never falling.
        converted_at: (n,) minutes, -1 = never.
        n_prior: So many of the first clicks say how strong the priors of all keys are.
    """
    n = len(at)
    converted = converted_at >= 0
    nobody = np.zeros(n, np.int64)
    n_sold = earlier(nobody, at, nobody[converted], converted_at[converted])
    base = logit((n_sold + 0.5) / (earlier(nobody, at, nobody, at) + 200))
    columns = []
    for key in KEYS:
        _, codes = np.unique(np.stack([ids[name] for name in key]), axis=1, return_inverse=True)
        clicks = earlier(codes, at, codes, at)
        sales = earlier(codes, at, codes[converted], converted_at[converted])
        strength, shift = likeliest_prior(
            clicks[:n_prior], sales[:n_prior], base[:n_prior], converted[:n_prior]
        )
        columns += [logit(shrunk(clicks, sales, base, strength, shift)), clicks == 0]
        if "ip" in key:
            columns.append(np.log(minutes_since(codes, at)))
    first = at[round((1 - _TEST) * n)]
    plain = [ids[name].astype(str).astype(object) for name in ("app", "channel", "os", "device")]
    return AdClicks(
        np.stack(columns, axis=1).astype(np.float32),
        np.stack([*plain, plain[0] + "/" + plain[1]], axis=1),
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


def shrunk(
    clicks: NDArray[np.int64], sales: NDArray[np.int64], base: Floats, strength: float, shift: float
) -> Floats:
    """(n,) chances: as if each key had begun with `strength` clicks at the odds of all, shifted.

    Args:
        clicks: (n,) of the same key, known when each click came.
        sales: (n,) the same.
        base: (n,) log odds of all, known then.
        strength: Of the prior, in clicks.
        shift: Of the log odds: a key that is new is hardly like most clicks.
    """
    chances: Floats = (sales + strength * expit(base + shift)) / (clicks + strength)
    return chances


def likeliest_prior(
    clicks: NDArray[np.int64], sales: NDArray[np.int64], base: Floats, converted: NDArray[np.bool_]
) -> tuple[float, float]:
    """The strength and shift whose chances foretell best what came of each click.

    Normal priors (the strength's logarithm 1 ± 2, the shift 0 ± 3) give a key an end that says
    nothing.
    """

    def loss(logs: Floats) -> float:
        log_strength, shift = logs
        chances = shrunk(clicks, sales, base, np.exp(log_strength), shift)
        happened = np.log(np.where(converted, chances, 1 - chances)).sum()
        return float(((log_strength - 1) / 2) ** 2 / 2 + (shift / 3) ** 2 / 2 - happened)

    log_strength, shift = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return float(np.exp(log_strength)), float(shift)


def minutes_since(keys: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) minutes since the latest click of the same key in an earlier minute, a day at most."""
    span = int(at[-1] - at[0]) + 1
    moments = np.unique(keys * span + (at - at[0]))  # of each key, rising
    places = np.searchsorted(moments, keys * span + (at - at[0]))
    before = moments[places - 1]  # of the first, the last: of another key, unless there is one key
    same = (places > 0) & (before // span == keys)
    return np.where(same, np.minimum(at - at[0] - before % span, _DAY), _DAY)


def _minutes(times: list[str | None]) -> NDArray[np.int64]:
    """`2017-11-7 9:30`, not padded -> minutes since 1970; -1 for none."""
    return np.array([-1 if not time else _minute(time) for time in times], np.int64)


def _minute(time: str) -> int:
    day, _, clock = time.partition(" ")
    year, month, date = map(int, day.split("-"))
    hour, minute = map(int, clock.split(":")[:2])
    return int(datetime(year, month, date, hour, minute, tzinfo=UTC).timestamp()) // 60
