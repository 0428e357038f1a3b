"""What a build refuses, before the long work and not after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from index.catalogue import MAX_PRICE, Item
from index.errors import RejectedInputError


def check_bounds(parameters: object, bounds: Mapping[str, tuple[int, int]]) -> None:
    """Each of these fields of an engine's parameters lies between its least and its most.

    Raises:
        ValueError: One does not.
    """
    for name, (least, most) in bounds.items():
        if not least <= (value := getattr(parameters, name)) <= most:
            raise ValueError(f"{name} is {value}, expected {least} to {most}")


def check_items(items: Sequence[Item]) -> None:
    """What would fail only when the version is written or opened.

    Raises:
        RejectedInputError: An item has no id, a text that is no UTF-8, or a price that is negative
            or not finite as float32.
    """
    for item in items:
        if not item.item_id:
            raise RejectedInputError(f"the item titled {item.title!r} has an empty item_id")
        try:
            msgspec.json.encode(item)
        except UnicodeEncodeError as error:
            raise RejectedInputError(
                f"item {item.item_id!r} cannot be written as UTF-8 ({error})"
            ) from error
        if item.price is not None and not 0 <= item.price <= MAX_PRICE:
            raise RejectedInputError(
                f"item {item.item_id!r} has price {item.price}, leave out an unknown one"
            )


def check_distinct(items: Sequence[Item]) -> None:
    """Each id at most once.

    Raises:
        RejectedInputError: One occurs twice.
    """
    seen: set[str] = set()
    for item in items:
        if item.item_id in seen:
            raise RejectedInputError(f"item_id {item.item_id!r} occurs twice, keep one row of it")
        seen.add(item.item_id)


def unit_rows(vectors: NDArray[np.float32], items: Sequence[Item]) -> NDArray[np.float32]:
    """The rows as a copy of length 1 each, or 0 where they were 0.

    Args:
        vectors: (n, d), row i belongs to item i.
        items: n items, to name one in an error.

    Raises:
        RejectedInputError: A value is not finite.
    """
    exact = vectors.astype(np.float64)
    norms = np.linalg.norm(exact, axis=1, keepdims=True)
    if not np.isfinite(norms).all():
        bad = items[int(np.flatnonzero(~np.isfinite(norms[:, 0]))[0])]
        raise RejectedInputError(f"the vector of item {bad.item_id!r} holds nan or infinity")
    unit: NDArray[np.float64] = exact / np.where(norms > 0, norms, 1.0)
    return unit.astype(np.float32)
