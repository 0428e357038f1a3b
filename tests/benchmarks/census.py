"""UCI Adult as two tasks: income above 50K, never married. Official split, a tenth held out of it.

The tasks are those of Ma et al. (KDD 2018, section 6.2) on a smaller census. `relationship` is no
input, for it says who is married (husband, wife), nor is `fnlwgt`, a sampling weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

TASKS: Final = ("income", "never_married")
WORDS: Final = ("workclass", "education", "occupation", "race", "sex", "native_country")
NUMBERS: Final = ("age", "education_num", "capital_gain", "capital_loss", "hours_per_week")
# Single amounts of capital gain tell a lot (7,688 and 15,024 are nearly always above 50K), and the
# trees may cut between any two: so a number is a category, too.
_EMBEDDED: Final = (*WORDS, "capital_gain", "capital_loss")
_N_BINS: Final = 16
_HELD_OUT: Final = 0.1


@dataclass(frozen=True, slots=True)
class Rows:
    """n people.

    Attributes:
        codes: (n, 8) int64, categories by number; 0 = not in the training set.
        numbers: (n, 5) float32, as they are in the file.
        labels: (n, 2) float32 of 0 and 1, in the order of TASKS.
    """

    codes: NDArray[np.int64]
    numbers: NDArray[np.float32]
    labels: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, places: NDArray[np.int64]) -> Rows:
        """Some of them."""
        return Rows(self.codes[places], self.numbers[places], self.labels[places])


@dataclass(frozen=True, slots=True)
class Census:
    """The three parts, and how many categories each of the eight has (0 included)."""

    train: Rows
    valid: Rows
    test: Rows
    n_categories: tuple[int, ...]


def read_census(folder: Path) -> Census:
    """`adult.data` and `adult.test` of UCI, plain or as .zst; the latter's header is skipped."""
    tables = [_read(folder, name) for name in ("adult.data", "adult.test")]
    names = [sorted({row[word] for row in tables[0]}) for word in _EMBEDDED]
    known = [{name: n + 1 for n, name in enumerate(each)} for each in names]
    train, test = (_encode(table, known) for table in tables)
    order = np.random.default_rng(0).permutation(len(train))
    n_valid = round(_HELD_OUT * len(train))
    return Census(
        train.part(order[n_valid:]),
        train.part(order[:n_valid]),
        test,
        tuple(len(each) + 1 for each in names),
    )


def _read(folder: Path, name: str) -> list[dict[str, str]]:
    path = folder / name
    packed = folder / f"{name}.zst"
    if not path.exists() and not packed.exists():
        raise SystemExit(f"{folder} has neither {path.name} nor {packed.name}: UCI Adult is needed")
    stream = pa.OSFile(str(path)) if path.exists() else pa.input_stream(str(packed), "zstd")
    with stream:
        lines = stream.read().decode().splitlines()
    header = [word.strip() for word in lines[0].split(",")]
    cells = [[cell.strip(" .") for cell in line.split(",")] for line in lines[1:] if line.strip()]
    return [dict(zip(header, row, strict=True)) for row in cells]


def _encode(table: list[dict[str, str]], known: list[dict[str, int]]) -> Rows:
    codes = [
        [names.get(row[word], 0) for word, names in zip(_EMBEDDED, known, strict=True)]
        for row in table
    ]
    numbers = [[float(row[name]) for name in NUMBERS] for row in table]
    labels = [
        [row["wage_class"] == ">50K", row["marital_status"] == "Never-married"] for row in table
    ]
    return Rows(
        np.array(codes, np.int64), np.array(numbers, np.float32), np.array(labels, np.float32)
    )


class CensusFeatures(nn.Module):
    """A vector of 8 a category, and numbers as piecewise linear ramps between their quantiles.

    The ramps are those of Gorishniy, Rubachev & Babenko, NeurIPS 2022, section 3.2.
    """

    def __init__(self, census: Census, width: int = 8) -> None:
        super().__init__()
        starts = np.cumsum([0, *census.n_categories])
        self.register_buffer("starts", torch.from_numpy(starts[:-1]))
        self.words = nn.Embedding(int(starts[-1]), width)
        columns = [_edges(column) for column in census.train.numbers.T]
        low = np.concatenate([edges[:-1] for edges in columns]).astype(np.float32)
        high = np.concatenate([edges[1:] for edges in columns]).astype(np.float32)
        source = np.repeat(np.arange(len(columns)), [len(edges) - 1 for edges in columns])
        self.register_buffer("low", torch.from_numpy(low))
        self.register_buffer("high", torch.from_numpy(high))
        self.register_buffer("source", torch.from_numpy(source))
        self.dim = width * len(census.n_categories) + len(low)

    starts: Tensor  # (8,)
    low: Tensor  # (R,)
    high: Tensor  # (R,)
    source: Tensor  # (R,)

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """(B, 8) and (B, 5) -> (B, D)."""
        words = self.words(codes + self.starts).flatten(1)  # (B, 8 * 8)
        ramps = (numbers[:, self.source] - self.low) / (self.high - self.low)
        return torch.cat([words, ramps.clamp(0, 1)], dim=1)


def _edges(column: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,) values -> (R + 1,) edges: quantiles of the values and of the distinct ones.

    Nine in ten have no capital gain: the quantiles of the values alone are then all 0 but one.
    """
    shares = np.linspace(0, 1, _N_BINS + 1)
    distinct = np.unique(column)
    edges = np.concatenate([np.quantile(column, shares), np.quantile(distinct, shares)])
    found: NDArray[np.float64] = np.unique(edges)
    return found
