"""Rows: anyone's columns, three kinds of files, and every bad row by file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from scoring.errors import RowsError
from scoring.training.rows import Columns, Fields, Reading, files_in, read_examples


def pair(fields: Fields) -> tuple[str, float]:
    return fields.text("text"), fields.number("score")


def test_all_kinds_of_files_give_the_same_rows(tmp_path: Path) -> None:
    rows = [{"text": "red mug", "score": 2.5}, {"text": 'a "big", blue\ncup', "score": -1.0}]
    expected = [("red mug", 2.5), ('a "big", blue\ncup', -1.0)]
    (tmp_path / "r.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    (tmp_path / "r.csv").write_text('text,score\nred mug,2.5\n"a ""big"", blue\ncup",-1\n')
    (tmp_path / "r.tsv").write_text('text\tscore\nred mug\t2.5\n"a ""big"", blue\ncup"\t-1\n')
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "r.parquet")
    for kind in ("jsonl", "csv", "tsv", "parquet"):
        assert read_examples([tmp_path / f"r.{kind}"], {}, pair, Reading()) == expected


def test_columns_are_called_as_their_owner_calls_them(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("Title;Body;Stars\nGood;fits well;5\n;too small;1\n")
    found = read_examples(
        [tmp_path / "r.csv"], {"text": ["Title", "Body"], "score": "Stars"}, pair, Reading(), ";"
    )
    assert found == [("Good. fits well", 5.0), ("too small", 1.0)]


def test_a_file_with_documented_columns_needs_no_other_names() -> None:
    columns: Columns = {"text": ["Title", "Body"], "score": "Stars"}
    assert pair(Fields({"text": "fits well", "score": 5}, columns).as_documented()) == (
        "fits well",
        5.0,
    )
    both = Fields({"text": "other", "Title": "Good", "Body": "fits", "Stars": 1}, columns)
    assert pair(both.as_documented()) == ("Good. fits", 1.0)
    with pytest.raises(ValueError, match="no column 'Stars' and no 'score'"):
        pair(Fields({"text": "fits well"}, columns).as_documented())


BAD = """{"text": "mug", "score": 1}
{"text": "mug", "score": "many"}

{"text": "  ", "score": 1}
{"text": "mug"}
not json
[1]
{"text": "mug", "score": NaN}
{"text": NaN, "score": 1}
{"text": "cup", "score": "3"}
"""


def test_bad_rows_are_named_with_file_and_line_and_skipped_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    file.write_text(BAD)
    reading = Reading(skip_bad=True)
    assert read_examples([file], {}, pair, reading) == [("mug", 1.0), ("cup", 3.0)]
    places = [line.split(": ")[0].removeprefix(str(tmp_path)) for line in reading.bad]
    assert places == [f"/r.jsonl:{number}" for number in (2, 4, 5, 6, 7, 8, 9)]
    assert "score must be a number" in reading.bad[0]
    assert "no column 'score'; there are 'text'" in reading.bad[2]
    assert reading.summary().startswith("7 bad rows skipped: ")
    assert reading.summary().endswith("… and 2 more")


def test_a_number_that_no_float_holds_is_a_bad_row(tmp_path: Path) -> None:
    """In 32 bits 1e39 is infinite; an integer of 400 digits is so in 64."""
    file = tmp_path / "r.jsonl"
    file.write_text("".join(f'{{"text": "mug", "score": {n}}}\n' for n in ("1e39", 10**400, 3e38)))
    reading = Reading(skip_bad=True)
    assert read_examples([file], {}, pair, reading) == [("mug", 3e38)]
    assert [line.split(": ")[0] for line in reading.bad] == [f"{file}:1", f"{file}:2"]


def test_half_a_character_is_a_bad_row(tmp_path: Path) -> None:
    """No tokenizer and no hash takes a lone surrogate; both halves are a character."""
    file = tmp_path / "r.jsonl"
    texts = (r"mug \ud83d\ude00", r"mug \ud83d", r"mug \uDE00")
    file.write_text(
        "".join(f'{{"text": "{text}", "score": 1}}\n' for text in texts) + "[" * 100_000
    )
    reading = Reading(skip_bad=True)
    assert read_examples([file], {}, pair, reading) == [("mug \U0001f600", 1.0)]
    assert [line.split(": ")[0] for line in reading.bad] == [f"{file}:{n}" for n in (2, 3, 4)]


def test_a_mark_of_utf_8_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    """Spreadsheets write one before their CSV."""
    (tmp_path / "r.csv").write_text("text,score\nmug,1\n", "utf-8-sig")
    assert read_examples([tmp_path / "r.csv"], {}, pair, Reading()) == [("mug", 1.0)]


def test_bytes_that_are_no_utf_8_are_a_bad_row_and_not_other_characters(tmp_path: Path) -> None:
    """A table saved as Latin-1 was learned with a question mark in each place of an umlaut."""
    file = tmp_path / "r.csv"
    file.write_bytes("text,score\nmug,1\nHäkelnadel,2\ncup,3\n".encode("latin-1"))
    with pytest.raises(RowsError, match=r"r\.csv:3: not UTF-8: .*--skip-bad"):
        read_examples([file], {}, pair, Reading())
    assert read_examples([file], {}, pair, Reading(skip_bad=True)) == [("mug", 1.0), ("cup", 3.0)]
    file.write_bytes("text,größe\nmug,1\n".encode("latin-1"))
    with pytest.raises(RowsError, match=r"r\.csv:1: not UTF-8"):  # a header is no row to be skipped
        read_examples([file], {}, pair, Reading(skip_bad=True))


def test_a_whole_number_is_one_text_in_every_table(tmp_path: Path) -> None:
    """A column of ids is of floats in a table that was ever empty there."""
    (tmp_path / "r.csv").write_text("text\n5\n5.0\n-7.0\n5.5\nv5.0\n")
    (tmp_path / "r.jsonl").write_text('{"text": 5}\n{"text": 5.0}\n{"text": "5"}\n')
    numbers = {"text": pa.array([5.0, None, 5.5], pa.float64())}
    parquet.write_table(pa.table(numbers), tmp_path / "r.parquet")

    def texts(name: str) -> list[str]:
        return read_examples(
            [tmp_path / name], {}, lambda fields: fields.text("text"), Reading(skip_bad=True)
        )

    assert texts("r.csv") == ["5", "5", "-7", "5.5", "v5.0"]
    assert texts("r.jsonl") == ["5", "5", "5"]
    assert texts("r.parquet") == ["5", "5.5"]


def test_a_bad_row_ends_it_where_nothing_else_was_asked(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text(BAD)
    with pytest.raises(RowsError, match=r"r\.jsonl:2: .*--skip-bad"):
        read_examples([tmp_path / "r.jsonl"], {}, pair, Reading())


def test_lines_of_a_table_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text('text,score\n"two\nlines",1\nmug\ncup,x\n')
    reading = Reading(skip_bad=True)
    read_examples([tmp_path / "r.csv"], {}, pair, reading)
    assert [line.split(":")[1] for line in reading.bad] == ["4", "5"]
    assert "1 fields, the header has 2" in reading.bad[0]


def test_a_row_with_a_quote_too_many_is_a_bad_row(tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    file.write_text('text,score\nmug,1\n"8" bolt,2\n' + "x" * 200_000 + ",3\ncup,4\n")
    reading = Reading(skip_bad=True)
    assert read_examples([file], {}, pair, reading) == [("mug", 1.0), ("cup", 4.0)]
    assert [line.split(": ")[0] for line in reading.bad] == [f"{file}:3", f"{file}:4"]


def test_a_quote_that_never_ends_hides_no_rows(tmp_path: Path) -> None:
    """All that follows would be one bad row."""
    file = tmp_path / "r.csv"
    file.write_text('text,score\nmug,1\n"cup,2\nbed,3\n')
    with pytest.raises(RowsError, match=r"r\.csv:3: .*quote"):
        read_examples([file], {}, pair, Reading(skip_bad=True))


def test_two_columns_of_one_name_are_not_one(tmp_path: Path) -> None:
    """The last one was taken; columns without a name are left by spreadsheets, and nobody's."""
    file = tmp_path / "r.csv"
    file.write_text("text,score,text\nmug,1,cup\n")
    with pytest.raises(RowsError, match=r"r\.csv has two columns called 'text'"):
        read_examples([file], {}, pair, Reading())
    file.write_text("text,score,,\nmug,1,,\n")
    assert read_examples([file], {}, pair, Reading()) == [("mug", 1.0)]


def test_text_that_parquet_has_as_bytes_is_text(tmp_path: Path) -> None:
    file = tmp_path / "r.parquet"
    table = {"text": pa.array(["mug für Tee".encode(), b"\xff"], pa.binary()), "score": [1, 2]}
    parquet.write_table(pa.table(table), file)
    reading = Reading(skip_bad=True)
    assert read_examples([file], {}, pair, reading) == [("mug für Tee", 1.0)]
    assert "bytes that are no UTF-8" in reading.bad[0]


def test_several_texts_are_not_one(tmp_path: Path) -> None:
    """A list would be read with its brackets and quotes."""
    file = tmp_path / "r.jsonl"
    file.write_text('{"text": ["mug", "cup"], "score": 1}\n{"text": {"en": "mug"}, "score": 1}\n')
    reading = Reading(skip_bad=True)
    assert read_examples([file], {}, pair, reading) == []
    assert all("one text is needed" in line for line in reading.bad)


def test_parquet_that_python_cannot_hold_names_the_file(tmp_path: Path) -> None:
    """Nanoseconds, a year of six digits, a page that is damaged."""
    texts = pa.array([f"mug {place * 7919 % 104729}" for place in range(2000)])
    file = tmp_path / "r.parquet"
    for unit, at in (("ns", 1234567890123456789), ("ms", 2**62)):
        moments = pa.array([at] * len(texts), pa.timestamp(unit))
        parquet.write_table(pa.table({"text": texts, "at": moments}), file)
        with pytest.raises(RowsError, match=r"r\.parquet is no readable .* write it again"):
            read_examples([file], {}, lambda fields: fields.text("text"), Reading())
    parquet.write_table(pa.table({"text": texts}), file, compression="zstd", use_dictionary=False)
    content = bytearray(file.read_bytes())
    content[500:1500] = bytes(1000)
    file.write_bytes(content)
    with pytest.raises(RowsError, match=r"r\.parquet is no readable"):
        read_examples([file], {}, lambda fields: fields.text("text"), Reading())


def test_what_is_no_file_of_rows_says_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "r.xlsx").write_bytes(b"PK")
    (tmp_path / "r.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(RowsError, match="--data"):
        files_in(tmp_path, ["r.parquet", "none.csv"])
    with pytest.raises(RowsError, match=r"none\.csv is not a file$"):
        read_examples([tmp_path / "none.csv"], {}, pair, Reading())
    with pytest.raises(RowsError, match=r"\.jsonl, \.csv, \.tsv and \.parquet"):
        read_examples([tmp_path / "r.xlsx"], {}, pair, Reading())
    with pytest.raises(RowsError, match="no readable Parquet"):
        read_examples([tmp_path / "r.parquet"], {}, pair, Reading())


def test_a_bad_row_of_a_file_that_two_tasks_read_is_counted_once() -> None:
    reading = Reading(skip_bad=True)
    for _ in range(2):
        reading.refuse("r.csv:3", "1 fields, the header has 3")
    assert reading.summary() == "1 bad rows skipped: r.csv:3: 1 fields, the header has 3"
