"""How a step's rows are divided among tasks of unequal size, and which rows come next."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from scoring.errors import RecipeError


def rows_by_task(
    sizes: Mapping[str, int], batch_size: int, temperature: float, least: int = 2
) -> dict[str, int]:
    """Rows of each task in a step: in proportion to size ** (1 / temperature).

    Every step has rows of every task, so that a balancer always compares all of them. Arivazhagan
    et al. 2019 ("Massively Multilingual NMT in the Wild"), section 3, draw whole batches by it.

    Args:
        sizes: Rows by task.
        batch_size: Sum of the result.
        temperature: 1 = in proportion to size; large = equal parts.
        least: Of each task: a contrast needs two.

    Raises:
        RecipeError: The batch is too small for so many tasks.
    """
    if batch_size < least * len(sizes):
        raise RecipeError(
            f"batch_size {batch_size} is too small for {len(sizes)} tasks: "
            f"{least * len(sizes)} at least"
        )
    weights = {task: size ** (1 / temperature) for task, size in sizes.items()}
    free = batch_size - least * len(sizes)
    exact = {task: free * weight / sum(weights.values()) for task, weight in weights.items()}
    counts = {task: least + int(share) for task, share in exact.items()}
    by_remainder = sorted(exact, key=lambda task: int(exact[task]) - exact[task])
    for task in by_remainder[: batch_size - sum(counts.values())]:
        counts[task] += 1
    return counts


class EndlessOrder:
    """Rows in an endless order: one shuffled pass after the other.

    What comes at a place depends on seed, task and place only, so that a training that was killed
    finds its rows again.
    """

    def __init__(self, size: int, seed: int, task: int) -> None:
        self._size = size
        self._seed = (seed * 1_000 + task) % 2**31
        self._passes: dict[int, list[int]] = {}

    def rows(self, start: int, count: int) -> list[int]:
        """Row numbers at the places from start on."""
        found = []
        for place in range(start, start + count):
            number, within = divmod(place, self._size)
            if number not in self._passes:
                # The last two are enough: places only grow.
                self._passes = {n: rows for n, rows in self._passes.items() if n >= number - 1}
                draw = torch.Generator().manual_seed(self._seed + 7_919 * number)
                self._passes[number] = torch.randperm(self._size, generator=draw).tolist()
            found.append(self._passes[number][within])
        return found
