"""The filters of a search as it travels -> what every item of its list must meet."""

from collections.abc import Mapping
from typing import Any

from index import Filter
from streams.errors import RejectedError


def filter_of(filters: Mapping[str, Any] | None) -> Filter | None:
    """The conditions that we know: `category`, `brand`, `price_min`, `price_max`, `in_stock`.

    Names may be one or a list. Others are the shop's own and mean nothing here.

    Raises:
        RejectedError: A known condition has a value that is none.
    """
    if not filters:
        return None
    categories, brands = _names(filters, "category"), _names(filters, "brand")
    least, most = _price(filters, "price_min"), _price(filters, "price_max")
    try:
        found = Filter(categories, brands, least, most, filters.get("in_stock") is True)
    except ValueError as error:
        raise RejectedError(f"filters: {error}") from error
    return None if found == Filter() else found


def _names(filters: Mapping[str, Any], key: str) -> frozenset[str]:
    value = filters.get(key)
    if value is None:
        return frozenset()
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list):
        raise RejectedError(f"filters.{key} is {value!r}, expected a name or a list of names")
    return frozenset(names)


def _price(filters: Mapping[str, Any], key: str) -> float | None:
    value = filters.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RejectedError(f"filters.{key} is {value!r}, expected a number")
    return float(value)
