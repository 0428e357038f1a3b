"""A result is there whole, or not at all; where it has no place, nothing is reckoned for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.cli.whole_lines import write_lines


def asked_too_early() -> Iterator[dict[str, object]]:
    """Rows for which a model reckons for minutes."""
    yield pytest.fail("a row was asked for")


def test_a_file_has_the_rows_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    write_lines(out, [{"text": "Häkelnadel", "score": float("nan")}, {"text": "mug", "score": 1}])
    assert out.read_text("utf-8").splitlines() == [
        '{"text": "Häkelnadel", "score": null}',
        '{"text": "mug", "score": 1}',
    ]
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_is_told_before_the_first_row_is_asked_for(tmp_path: Path) -> None:
    """It was told after the last, and a file with a point before its name stayed."""
    with pytest.raises(IsADirectoryError) as told:
        write_lines(tmp_path, asked_too_early())
    assert told.value.filename == str(tmp_path)
    with pytest.raises(FileNotFoundError) as missing:
        write_lines(tmp_path / "gone" / "out.jsonl", asked_too_early())
    assert missing.value.filename == str(tmp_path / "gone")


def test_what_ends_in_the_middle_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("before\n")

    def rows() -> Iterator[dict[str, object]]:
        yield {"n": 1}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_lines(out, rows())
    assert out.read_text() == "before\n"
    assert list(tmp_path.iterdir()) == [out]


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    """`--out >(gzip > labels.gz)`, or /dev/stdout: no file can take its place."""
    read, write = os.pipe()
    with open(read, "rb") as source:
        write_lines(Path(f"/dev/fd/{write}"), [{"n": 1}])
        os.close(write)
        assert source.read() == b'{"n": 1}\n'
