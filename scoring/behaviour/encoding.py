"""What makes tensors of columns: tables of words, hashes, scales. JSON holds all of it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from scoring.behaviour.inputs import Inputs, Past, SideInputs
from scoring.behaviour.rates import Rates
from scoring.behaviour.recipe import (
    SIDES,
    CategorySettings,
    Feature,
    HistorySettings,
    NumberSettings,
    Side,
    VectorSettings,
)
from scoring.errors import RowsError


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """Of a number, in the training rows.

    Attributes:
        mean: Of those that are there.
        deviation: Standard, above 0.
        edges: Of ramps, rising; empty = none.
        may_miss: Whether it was ever empty.
    """

    mean: float
    deviation: float
    edges: list[float]
    may_miss: bool


class Encoding(msgspec.Struct, frozen=True, kw_only=True, dict=True, omit_defaults=True):
    """What was learned of the training rows' columns.

    Attributes:
        scales: Of numbers.
        words: Of categories with a table: place p means code p + 1.
        widths: Of vectors.
        rates: Of words whose log odds are numbers.
    """

    scales: dict[str, Scale]
    words: dict[str, list[str]]
    widths: dict[str, int]
    rates: dict[str, Rates] = {}  # absent where there are none: a folder's version is as before

    @cached_property
    def codes(self) -> dict[str, dict[str, int]]:
        """Of categories with a table: word -> code. Made once, for every request asks."""
        return {
            name: {word: place + 1 for place, word in enumerate(words)}
            for name, words in self.words.items()
        }


def learn_encoding(
    features: Mapping[str, Feature],
    columns: Mapping[str, NDArray[Any]],
    rates: Mapping[str, Rates] | None = None,
) -> Encoding:
    """From the columns of the training rows.

    Args:
        features: Of the recipe.
        columns: Name -> (n, …); of rates, log odds that were cross-fitted.
        rates: Name -> those of all rows, for rows to come.
    """
    scales, words, widths = {}, {}, {}
    for name, feature in features.items():
        match feature:
            case NumberSettings():
                scales[name] = _scale(columns[name], feature.ramps)
            case CategorySettings() if not feature.buckets:
                words[name] = sorted(set(columns[name].tolist()) - {""})
            case VectorSettings():
                widths[name] = columns[name].shape[1]
    return Encoding(scales=scales, words=words, widths=widths, rates=dict(rates or {}))


def n_codes(encoding: Encoding, name: str, feature: CategorySettings) -> int:
    """Codes that a category may have, 0 included."""
    return 1 + (feature.buckets or len(encoding.words[name]))


def names_of(features: Mapping[str, Feature], kind: type[Feature], side: Side) -> list[str]:
    """Features of one kind on one side, in the recipe's order."""
    return [
        name
        for name, feature in features.items()
        if isinstance(feature, kind) and getattr(feature, "side", None) == side
    ]


def encode(
    features: Mapping[str, Feature],
    encoding: Encoding,
    columns: Mapping[str, NDArray[Any]],
    sides: Sequence[Side] = SIDES,
) -> Inputs:
    """Columns -> tensors of these sides; histories go with the user.

    Raises:
        RowsError: A vector of another width than in training.
    """
    pasts = {}
    if "user" in sides:
        for name, feature in features.items():
            if isinstance(feature, HistorySettings):
                pasts[name] = _past(feature, features, encoding, columns[name])
    return Inputs({side: _side(features, encoding, columns, side) for side in sides}, pasts)


def _side(
    features: Mapping[str, Feature],
    encoding: Encoding,
    columns: Mapping[str, NDArray[Any]],
    side: Side,
) -> SideInputs:
    numbers = [
        _numbers(encoding, name, columns[name]) for name in names_of(features, NumberSettings, side)
    ]
    codes = [
        _codes(features, encoding, name, columns[name])
        for name in names_of(features, CategorySettings, side)
    ]
    vectors = {name: columns[name] for name in names_of(features, VectorSettings, side)}
    for name, values in vectors.items():
        if len(values) and values.shape[1] != encoding.widths[name]:
            raise RowsError(
                f"{name} has {values.shape[1]} numbers, {encoding.widths[name]} in training"
            )
    n = len(next(iter(columns.values())))
    return SideInputs(
        torch.from_numpy(np.stack(numbers, axis=1) if numbers else np.empty((n, 0), np.float32)),
        torch.from_numpy(np.stack(codes, axis=1) if codes else np.empty((n, 0), np.int64)),
        {
            name: torch.from_numpy(values.reshape(n, encoding.widths[name]))
            for name, values in vectors.items()
        },
    )


def _numbers(encoding: Encoding, name: str, values: NDArray[Any]) -> NDArray[np.float32]:
    """(n,) numbers, or words of a rate -> (n,); cross-fitted rates are numbers already."""
    if name in encoding.rates and not np.issubdtype(values.dtype, np.floating):
        return encoding.rates[name].of(values)
    return values


def _codes(
    features: Mapping[str, Feature], encoding: Encoding, name: str, words: NDArray[Any]
) -> NDArray[np.int64]:
    """(n,) words -> (n,) codes; 0 = empty, or not in the table."""
    feature = features[name]
    if isinstance(feature, CategorySettings) and feature.buckets:
        different = dict.fromkeys(words.tolist())
        known = {word: zlib.crc32(word.encode()) % feature.buckets + 1 for word in different}
        known[""] = 0
    else:
        known = encoding.codes[name]
    return np.array([known.get(word, 0) for word in words.tolist()], np.int64)


def _past(
    feature: HistorySettings,
    features: Mapping[str, Feature],
    encoding: Encoding,
    lists: NDArray[Any],
) -> Past:
    """(n,) lists -> the latest of each, from the first place on."""
    n, length = len(lists), feature.length
    lengths = np.array([min(len(each), length) for each in lists], np.int64)
    mask = np.arange(length) < lengths[:, None]  # (n, L)
    latest = [each for whole in lists for each in whole[-length:]]
    if (width := encoding.widths.get(feature.candidate)) is not None:
        vectors = np.zeros((n, length, width), np.float32)
        if latest:
            if (found := len(latest[0])) != width:
                raise RowsError(
                    f"a history of {feature.candidate} has vectors of {found} numbers, "
                    f"{feature.candidate} itself has {width}"
                )
            vectors[mask] = np.stack(latest)
        return Past(torch.from_numpy(vectors), torch.from_numpy(mask))
    codes = np.zeros((n, length), np.int64)
    words = np.array(latest, dtype=object)
    codes[mask] = _codes(features, encoding, feature.candidate, words)
    return Past(torch.from_numpy(codes), torch.from_numpy(mask & (codes > 0)))


def _scale(values: NDArray[np.float32], n_ramps: int) -> Scale:
    there = values[~np.isnan(values)].astype(np.float64)
    if not len(there):
        return Scale(mean=0.0, deviation=1.0, edges=[], may_miss=True)
    edges: list[float] = []
    if n_ramps:
        shares = np.linspace(0, 1, n_ramps + 1)
        # Where nine in ten are 0, the quantiles of the values alone are all 0 but one.
        both = [np.quantile(there, shares), np.quantile(np.unique(there), shares)]
        edges = np.unique(np.concatenate(both).astype(np.float32)).tolist()
    return Scale(
        mean=float(there.mean()),
        deviation=float(there.std()) or 1.0,
        edges=edges if len(edges) > 1 else [],
        may_miss=len(there) < len(values),
    )
