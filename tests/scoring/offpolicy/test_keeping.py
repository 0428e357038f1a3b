"""A flawed log: every flaw leaves its whole list out, and is counted."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scoring.errors import EvidenceError, RowsError
from scoring.offpolicy import keeping
from scoring.offpolicy.keeping import kept_lists
from scoring.offpolicy.logged_rows import read_rows

UNTIL_MS = 1_000


def a_row(number: int, place: int, **other: Any) -> dict[str, Any]:
    return {
        "recommendation_id": f"list {number}",
        "user_id": f"user {number % 3}",
        "item_id": f"item {place}",
        "rank": place,
        "propensity": 0.5,
        "at_ms": 100,
        "examined": 1,
        "clicked": 0,
        **other,
    }


def the_list(number: int, **of_second: Any) -> list[dict[str, Any]]:
    return [a_row(number, 1, clicked=1, reward_at_ms=200), a_row(number, 2, **of_second)]


def kept(tmp_path: Path, rows: list[dict[str, Any]], **how: Any) -> Any:
    file = tmp_path / "log.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return kept_lists(read_rows([file], "clicked"), UNTIL_MS, **how)


@pytest.mark.parametrize(
    ("flawed", "reason"),
    [
        (the_list(9, propensity=0.0), keeping.PROPENSITY),
        (the_list(9, propensity=-0.1), keeping.PROPENSITY),
        (the_list(9, propensity=1.0001), keeping.PROPENSITY),
        (the_list(9, propensity=math.nan), keeping.PROPENSITY),
        (the_list(9, propensity=None), keeping.PROPENSITY),
        (the_list(9, clicked="often"), keeping.REWARD),
        (the_list(9, clicked=math.inf), keeping.REWARD),
        (the_list(9, clicked=-1), keeping.REWARD),
        (the_list(9, clicked=1, reward_at_ms=99), keeping.FUTURE),
        (the_list(9, clicked=1, reward_at_ms=UNTIL_MS + 1), keeping.FUTURE),
        (the_list(9, clicked=1, examined=0), keeping.UNSEEN),
        (the_list(9, item_id="item 1"), keeping.TWICE),
        (the_list(9, rank=3), keeping.RANKS),
        (the_list(9, rank=0), keeping.RANKS),
        (the_list(9, rank=1), keeping.CONFLICT),
        (the_list(9, user_id="another"), keeping.CONFLICT),
        ([*the_list(9), a_row(9, 1, item_id="else")], keeping.CONFLICT),
        ([*the_list(9), *(dict(row, at_ms=300) for row in the_list(9))], keeping.CONFLICT),
        (the_list(9, at_ms=UNTIL_MS + 1), keeping.CONFLICT),
    ],
)
def test_a_flaw_leaves_its_list_out_and_is_counted(
    tmp_path: Path, flawed: list[dict[str, Any]], reason: str
) -> None:
    found, lost = kept(tmp_path, [*the_list(1), *flawed, *the_list(2)])
    assert found.ids.tolist() == ["list 1", "list 2"]
    assert lost == {reason: 1}
    np.testing.assert_array_equal(found.rewards, [[1, 0], [1, 0]])


def test_a_repeated_row_is_kept_once_and_counted(tmp_path: Path) -> None:
    found, lost = kept(tmp_path, [*the_list(1), *the_list(2), *the_list(1)])
    assert found.rewards.sum() == 2
    assert lost == {keeping.DUPLICATE: 2}


def test_lists_of_different_lengths_are_padded(tmp_path: Path) -> None:
    found, lost = kept(tmp_path, [*the_list(1, propensity=0.25), a_row(2, 1)])
    assert not lost
    np.testing.assert_array_equal(found.there, [[True, True], [True, False]])
    np.testing.assert_array_equal(found.propensities, [[0.5, 0.25], [0.5, 1]])
    assert found.items.tolist() == [["item 1", "item 2"], ["item 1", ""]]


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_lists_are_not_mixed_with_real_ones(tmp_path: Path, simulated: bool) -> None:
    made_up = [dict(row, simulated=True) for row in the_list(1)]
    found, lost = kept(tmp_path, [*made_up, *the_list(2)], simulated=simulated)
    assert found.ids.tolist() == (["list 1"] if simulated else ["list 2"])
    assert found.simulated is simulated
    assert sum(lost.values()) == 1
    alone, none = kept(tmp_path, made_up)
    assert alone.simulated
    assert not none


def test_a_row_of_no_list_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(RowsError, match=r"log\.jsonl:2: rank is 1\.5.* take all rows of its"):
        kept(tmp_path, [a_row(1, 1), a_row(1, 2, rank=1.5)])


def test_an_empty_log_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="no rows"):
        kept(tmp_path, [])


def test_worth_is_the_sum_that_policies_learn_from_and_needs_all_its_columns(
    tmp_path: Path,
) -> None:
    did = {"clicked": 1, "carted": 0, "purchased": 1, "dwell_ms": 30_000, "reward_at_ms": 200}
    file = tmp_path / "log.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in (a_row(1, 1, **did), a_row(1, 2))))
    rows = read_rows([file], "worth")
    assert rows.earned[0] == pytest.approx(0.1 + 1.0 + 0.5 * 0.02)
    assert math.isnan(rows.earned[1]), "nothing is said of carts: its list is left out"
