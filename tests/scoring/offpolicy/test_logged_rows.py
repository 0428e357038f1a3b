"""A joined log as columns: little memory, and the same rows whatever else its files have."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from scoring.errors import RowsError
from scoring.offpolicy.logged_rows import read_rows

N_LISTS, N_RANKS, N_FEATURES = 3_000, 10, 40


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    n = N_LISTS * N_RANKS
    lists = [f"{number:024x}" for number in range(N_LISTS)]
    table = {
        "recommendation_id": np.repeat(lists, N_RANKS),
        "user_id": np.repeat([f"user {number % 500}" for number in range(N_LISTS)], N_RANKS),
        "item_id": [f"item {number % 700}" for number in range(n)],
        "rank": np.tile(np.arange(1, N_RANKS + 1), N_LISTS),
        "propensity": np.random.default_rng(1).uniform(0.1, 1, n),
        "at_ms": np.full(n, 100),
        "examined": np.ones(n, np.int64),
        "clicked": np.arange(n) % 7 == 0,
        "reward_at_ms": [None if number % 7 else 200 for number in range(n)],
        "simulated": np.arange(n) < 0,
        **{f"x_{number}": np.zeros(n, np.float32) for number in range(N_FEATURES)},
    }
    file = tmp_path_factory.mktemp("log") / "joined.parquet"
    parquet.write_table(pa.table(table), file)
    return file


def test_a_row_takes_little_memory_however_wide_its_file(log: Path) -> None:
    """No row stays a dictionary: of a million there were once gigabytes."""
    tracemalloc.start()
    try:
        rows = read_rows([log], "clicked")
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(rows) == N_LISTS * N_RANKS
    assert held / len(rows) < 150
    assert most / len(rows) < 750, "8,192 of them are objects at a time"
    assert rows.lists[0] is rows.lists[1]
    assert rows.users[0] is rows.users[5_000]


def test_columns_are_those_of_the_file(log: Path) -> None:
    rows, said = read_rows([log], "clicked"), parquet.read_table(log)
    assert rows.items.tolist() == said["item_id"].to_pylist()
    np.testing.assert_array_equal(rows.propensities, said["propensity"].to_numpy())
    np.testing.assert_array_equal(rows.earned, said["clicked"].to_numpy(zero_copy_only=False))
    assert [None if at < 0 else at for at in rows.reward_at_ms] == said["reward_at_ms"].to_pylist()
    assert rows.examined.all()
    assert not rows.simulated.any()


def test_a_file_that_lacks_a_column_is_told_with_those_that_it_has(
    log: Path, tmp_path: Path
) -> None:
    file = tmp_path / "other.parquet"
    parquet.write_table(parquet.read_table(log).rename_columns({"item_id": "sku"}), file)
    with pytest.raises(RowsError, match=r"no column 'item_id'; there are .*'sku'.*'x_39'"):
        read_rows([file], "clicked")
