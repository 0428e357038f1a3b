"""The joined log: what comes back from its files, and what is refused."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import RowsError
from scoring.joined_log import JoinedLog
from scoring.joined_log_file import read_joined_log, write_joined_log
from scoring.training.rows import Reading

_ROW: dict[str, Any] = {
    "recommendation_id": "l1",
    "user_id": "ann",
    "item_id": "mug",
    "rank": 1,
    "propensity": 0.25,
    "at_ms": 1_000,
    "examined": 1,
    "clicked": 1,
    "carted": 0,
    "purchased": 0,
    "dwell_ms": 30,
    "value": 0.0,
    "reward_at_ms": 1_000,
    "policy_version": "p1",
    "simulated": True,
    "x_cos": 0.1,
    "x_age": 3.0,
}
_SECOND = _ROW | {"item_id": "cup", "rank": 2, "clicked": 0, "reward_at_ms": None}


def _written(folder: Path, *rows: dict[str, Any]) -> Path:
    file = folder / "log.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def _same(first: JoinedLog, second: JoinedLog) -> bool:
    return all(
        np.array_equal(getattr(first, each.name), getattr(second, each.name))
        for each in fields(JoinedLog)
    )


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_what_was_written_comes_back(tmp_path: Path, suffix: str) -> None:
    later = _ROW | {"recommendation_id": "l0", "at_ms": 2_000, "reward_at_ms": None, "clicked": 0}
    log = read_joined_log([_written(tmp_path, later, _SECOND, _ROW)])
    assert log.item_id.tolist() == ["mug", "cup", "mug"], "by time, list and rank"
    assert log.lists.tolist() == [0, 2, 3]
    assert log.feature_names == ("cos", "age")
    np.testing.assert_array_equal(log.features[0], np.array([0.1, 3.0], np.float32))
    assert log.reward_at_ms.tolist() == [1_000, -1, -1]
    assert log.simulated.all()
    write_joined_log(log, tmp_path / f"again{suffix}")
    assert _same(read_joined_log([tmp_path / f"again{suffix}"]), log)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_log_of_more_rows_than_are_written_at_a_time_comes_back(
    tmp_path: Path, suffix: str
) -> None:
    n = 70_000
    one = read_joined_log([_written(tmp_path, _ROW)]).part(np.zeros(n, np.int64))
    ranks = np.arange(1, n + 1)
    log = replace(one, rank=ranks, item_id=ranks.astype(str).astype(object))
    write_joined_log(log, tmp_path / f"long{suffix}")
    assert _same(read_joined_log([tmp_path / f"long{suffix}"]), log)


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_log_without_rows_is_a_log(tmp_path: Path, suffix: str) -> None:
    empty = read_joined_log([_written(tmp_path)])
    write_joined_log(empty, tmp_path / f"empty{suffix}")
    assert len(read_joined_log([tmp_path / f"empty{suffix}"])) == 0
    assert empty.lists.tolist() == [0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"propensity": 0.0}, "propensity"),
        ({"propensity": 1.5}, "propensity"),
        ({"propensity": None}, "propensity"),
        ({"rank": 1}, "rank 1 already"),
        ({"item_id": "mug"}, "'mug' already"),
        ({"reward_at_ms": 999}, "before the decision"),
        ({"examined": 0, "clicked": 1}, "never shown"),
        ({"clicked": 2}, "clicked"),
        ({"value": float("nan")}, "value"),
        ({"value": float("inf")}, "value"),
        ({"dwell_ms": 10**20}, "dwell_ms"),
        ({"x_cos": 1e39}, "x_cos"),
        ({"x_cos": None}, "x_cos"),
        ({"x_new": 1.0}, "x_new"),
        ({"user_id": ""}, "user_id"),
    ],
)
def test_a_row_that_is_no_evidence_is_refused_with_its_line_or_left_out_and_counted(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    file = _written(tmp_path, _ROW, _SECOND | change)
    with pytest.raises(RowsError, match=rf"log\.jsonl:2: .*{said}"):
        read_joined_log([file])
    reading = Reading(skip_bad=True)
    assert read_joined_log([file], reading=reading).item_id.tolist() == ["mug"]
    assert len(reading.bad) == 1
