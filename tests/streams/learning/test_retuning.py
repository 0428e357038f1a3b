"""What a killed `rillstream retune` leaves, and when the next one goes on with it."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from index import BusyError
from streams.learning.retuning import Retuning, retuning
from streams.learning.searched import SearchedRow, read_searched

ASKED = {"recipe": "text", "seed": 0}


def row(number: int, event: str | None = None) -> SearchedRow:
    return SearchedRow(
        query=f"query {number}",
        title="red mug",
        score=1,
        item_id="mug",
        user_id="ann",
        event_id=event or f"s{number}",
        at_ms=number,
        simulated=False,
    )


def begun(folder: Path, asked: dict[str, object] = ASKED, *, restart: bool = False) -> list[str]:
    """What a call finds of rows and model, and what it says."""
    said: list[str] = []
    with retuning(folder, asked) as run:
        run.begin(restart=restart, say=said.append)
    return said


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """The folder of a run that was killed while it trained."""
    folder = tmp_path / "retune"
    with retuning(folder, ASKED) as run:
        run.begin(restart=False, say=pytest.fail)
        run.keep_rows([row(n) for n in range(10)], 0.3)
    (folder / ".model.training").mkdir()
    return folder


def is_kept(folder: Path) -> bool:
    names = {path.name for path in folder.iterdir()} - {"lock"}
    assert names in ({"rows", ".model.training"}, set()), names
    return bool(names)


def test_the_newest_are_held_out_and_no_search_is_parted(tmp_path: Path) -> None:
    rows = [row(n, event="one search" if 3 <= n <= 6 else None) for n in range(10)]
    with retuning(tmp_path / "retune", ASKED) as run:
        run.begin(restart=False, say=pytest.fail)
        run.keep_rows(rows, 0.5)
        assert [each.at_ms for each in read_searched(run.learned)] == [0, 1, 2]
        assert run.held_out() == rows[3:]


def test_a_run_of_today_goes_on(left: Path) -> None:
    (said,) = begun(left)
    assert "going on" in said
    assert is_kept(left)


def test_another_request_begins_anew_and_says_what_differs(left: Path) -> None:
    (said,) = begun(left, {**ASKED, "seed": 1})
    assert "differs in seed" in said
    assert not is_kept(left)


def test_what_is_older_than_a_day_is_exported_again(left: Path) -> None:
    yesterday = time.time() - 25 * 3600
    os.utime(left / "rows", (yesterday, yesterday))
    (said,) = begun(left)
    assert "older than a day" in said
    assert not is_kept(left)


def test_a_restart_and_a_run_that_ended_begin_anew(left: Path) -> None:
    with retuning(left, ASKED) as run:
        run.finish({"released": False, "gain": float("nan")})
    assert json.loads((left / "done.json").read_text()) == {"released": False, "gain": None}
    assert begun(left) == []
    assert not is_kept(left)


def test_a_restart_forgets_what_was_begun(left: Path) -> None:
    assert begun(left, restart=True) == []
    assert not is_kept(left)


def test_a_model_without_its_rows_is_forgotten(left: Path) -> None:
    """A run was killed while it cleared the folder: rows go first."""
    (left / "model").mkdir()
    (left / "rows").rename(left.parent / "gone")
    assert begun(left) == []
    assert not is_kept(left)


def test_a_run_that_is_killed_while_it_clears_leaves_no_half_of_the_rows(
    left: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(folder: Path, **_: object) -> None:
        next(folder.glob("*.parquet")).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            begun(left, restart=True)
    assert begun(left) == []
    assert not is_kept(left)


def test_two_runs_do_not_share_a_folder(left: Path) -> None:
    with (
        retuning(left, ASKED),
        pytest.raises(BusyError, match="let it end"),
        retuning(left, ASKED) as second,
    ):
        assert isinstance(second, Retuning)
    assert is_kept(left)
