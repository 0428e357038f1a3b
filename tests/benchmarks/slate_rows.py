"""What policies have earned in the three simulators: a line a row and seed, and their table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scoring.simulation import MODELS
from tests.benchmarks.over_seeds import shown


def add(
    file: Path,
    row: str,
    seed: int,
    n_lists: int,
    what: str,
    measured: Mapping[str, float],
    temperature: float,
) -> None:
    """One line more."""
    said = {"row": row, "seed": seed, "what": what, "temperature": temperature}
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({**said, "lists": n_lists, "earned": measured}) + "\n")
    print(row, seed, what, temperature, n_lists, measured, flush=True)


def read(file: Path) -> list[dict[str, Any]]:
    """All lines."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def show(rows: list[dict[str, Any]], than: str) -> None:
    """Reward of a user, and the gain over the row `than` of the same seed, in %."""
    base = {each["seed"]: each["earned"] for each in rows if each["row"] == than}
    names = list(dict.fromkeys(each["row"] for each in rows))
    print("\n| row | seeds | " + " | ".join(f"{name} | gain, %" for name in MODELS) + " |")
    print("|" + "---|" * (2 + 2 * len(MODELS)))
    for name in names:
        of = [each for each in rows if each["row"] == name and each["seed"] in base]
        if len(of) < 2:
            continue
        cells = []
        for simulator in MODELS:
            earned = [each["earned"][simulator] for each in of]
            gains = [
                100 * (each["earned"][simulator] / base[each["seed"]][simulator] - 1) for each in of
            ]
            cells += [f"{np.mean(earned):.2f}", shown(gains, "+")]
        print(f"| {name} | {len(of)} | " + " | ".join(cells) + " |")
