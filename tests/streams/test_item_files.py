"""A catalogue in files: every bad row is named before the long work, each id comes once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from streams.building.item_files import ItemFiles
from streams.errors import BadFileError
from streams.files import BadRow

MUG = {"item_id": "mug", "title": "Blue stoneware mug", "tags": ["kitchen"], "in_stock": False}
POT = {"item_id": "pot", "title": "Red enamel teapot", "price": 12.5, "popularity": 3}
OWL = {"item_id": "owl", "title": "Felt owl decoration"}
CLICK = {"event_id": "1", "user_id": "ann", "type": "view", "item_id": "pot", "at_ms": 2}


def lines(path: Path, *rows: Mapping[str, object] | str) -> Path:
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    )
    return path


def checked(*paths: Path, skip_bad: bool = False) -> tuple[ItemFiles, list[str]]:
    files, bad = ItemFiles(paths), list[BadRow]()
    files.check(bad.append, skip_bad=skip_bad)
    return files, [str(row).removeprefix(f"{paths[0].parent}/") for row in bad]


def test_items_keep_what_the_file_says(tmp_path: Path) -> None:
    files, bad = checked(lines(tmp_path / "items.jsonl", MUG, POT, OWL))
    mug, pot, owl = files.items()
    assert (files.n_items, bad) == (3, [])
    assert (mug.tags, mug.in_stock) == (("kitchen",), False)
    assert (pot.price, pot.in_stock) == (12.5, True)
    assert (owl.description, owl.tags) == (None, ())


def test_every_bad_row_is_named_with_file_and_line(tmp_path: Path) -> None:
    one = lines(tmp_path / "one.jsonl", MUG, "", "{", CLICK, POT)
    two = lines(tmp_path / "two.jsonl", {"item_id": "x"}, OWL, {**POT, "price": -1}, MUG)
    bad: list[BadRow] = []
    with pytest.raises(BadFileError, match="5 of 8 rows cannot be used, so nothing was built"):
        ItemFiles([one, two]).check(bad.append)
    assert [f"{row.path.name}:{row.line}" for row in bad] == [
        "one.jsonl:3",
        "one.jsonl:4",
        "two.jsonl:1",
        "two.jsonl:3",
        "two.jsonl:4",
    ]
    assert bad[1].reason == "a click where items belong"
    assert bad[4].reason == f"item_id 'mug' again, first in {one}:1"


def test_bad_rows_can_be_left_out(tmp_path: Path) -> None:
    path = lines(tmp_path / "items.jsonl", MUG, CLICK, MUG, OWL, {**MUG, "title": "Other"})
    files, bad = checked(path, skip_bad=True)
    assert len(bad) == 3
    assert files.n_items == 2
    assert [(item.item_id, item.title) for item in files.items()] == [
        ("mug", "Blue stoneware mug"),
        ("owl", "Felt owl decoration"),
    ]
    assert list(files.items()) == list(files.items())


def test_a_file_of_something_else_is_no_empty_catalogue(tmp_path: Path) -> None:
    """It would be served in place of the shop."""
    bad: list[BadRow] = []
    path = lines(tmp_path / "clicks.jsonl", CLICK, {"id": "x", "name": "y"})
    with pytest.raises(BadFileError, match="none of 2 rows is an item, so nothing was built"):
        ItemFiles([path]).check(bad.append, skip_bad=True)
    assert len(bad) == 2


@pytest.mark.parametrize("skip_bad", [False, True])
def test_files_without_a_row_are_a_catalogue_only_where_that_is_meant(
    tmp_path: Path, skip_bad: bool
) -> None:
    """A failed export leaves such a file; its version would be served in place of the shop."""
    empty, blank = lines(tmp_path / "items.jsonl"), lines(tmp_path / "more.jsonl", "", "")
    with pytest.raises(BadFileError, match=r"no item in .*items.jsonl, .*more.jsonl, so nothing"):
        ItemFiles([empty, blank]).check(print, skip_bad=skip_bad)
    files = ItemFiles([empty, blank])
    files.check(print, skip_bad=skip_bad, allow_empty=True)
    assert (files.n_items, list(files.items())) == (0, [])


@pytest.mark.parametrize("left", [[], [MUG], [MUG, POT, OWL, {**OWL, "item_id": "owl 2"}]])
def test_files_that_change_after_their_check_become_no_index(
    tmp_path: Path, left: list[dict[str, object]]
) -> None:
    """An export that writes its file in place: what was left of it was built and made current."""
    files, _ = checked(lines(tmp_path / "items.jsonl", MUG, POT, OWL))
    lines(tmp_path / "items.jsonl", *left)
    items = files.items()
    assert [next(items).item_id for _ in left] == [row["item_id"] for row in left]
    with pytest.raises(BadFileError, match=rf"3 items when.*, {len(left)} when.*nothing was built"):
        next(items)


def test_no_more_than_twenty_are_shown_where_they_end_the_build(tmp_path: Path) -> None:
    bad: list[BadRow] = []
    with pytest.raises(BadFileError, match="50 of 50"):
        ItemFiles([lines(tmp_path / "items.jsonl", *["{"] * 50)]).check(bad.append)
    assert len(bad) == 20


def test_an_id_that_comes_again_far_behind_is_found(tmp_path: Path) -> None:
    rows = [{"item_id": f"i{n}", "title": "t"} for n in range(20_000)]
    path = lines(tmp_path / "items.jsonl", *rows, rows[3])
    bad: list[BadRow] = []
    with pytest.raises(BadFileError, match="1 of 20,001"):
        ItemFiles([path]).check(bad.append)
    assert bad == [BadRow(path, 20_001, f"item_id 'i3' again, first in {path}:4")]


def test_rows_of_parquet_have_numbers_too(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([POT, {"item_id": "x"}]), tmp_path / "items.parquet")
    _, bad = checked(tmp_path / "items.parquet", skip_bad=True)
    assert bad[0].startswith("items.parquet:2: ")
