"""Means over the last values of several losses, for a person to look at."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping


class RunningMeans:
    """Mean of the last values of each name; a name that is not in a step keeps what it had."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: dict[str, deque[float]] = {}

    def add(self, values: Mapping[str, float]) -> None:
        """Add one value for each name."""
        for name, value in values.items():
            self._values.setdefault(name, deque(maxlen=self._size)).append(value)

    def means(self) -> dict[str, float]:
        """Mean by name, in the order of first appearance."""
        return {name: sum(values) / len(values) for name, values in self._values.items()}
