"""Anyone's files -> fields by their documented names; of bad rows, file and line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from scoring.damage import DAMAGE
from scoring.errors import RowsError

Columns = Mapping[str, str | list[str]]
"""Documented name -> name in the file, or several whose texts are joined."""

LARGEST: Final = 3.4e38
"""Of a number in a row: what is larger is infinite in the 32 bits that models compute with."""

_SHOWN: Final = 5
_AT_ONCE: Final = 8_192
"""Rows of a Parquet file that are objects of Python at a time."""
_WHOLE: Final = re.compile(r"-?\d+\.0")
_NOT_UTF_8: Final = "not UTF-8: save the file as UTF-8, or convert it with iconv"
_Made = TypeVar("_Made")


@dataclass(slots=True)
class Reading:
    """What came of reading.

    Attributes:
        skip_bad: Whether to go on after a bad row.
        way_out: What to do where one is not skipped.
        bad: ``file:line: reason`` of each bad row.
        n_left_out: Rows that are right and have no place in the task.
    """

    skip_bad: bool = False
    way_out: str = "Mend the row, or skip bad ones with --skip-bad"
    bad: list[str] = field(default_factory=list)
    n_left_out: int = 0

    def refuse(self, place: str, reason: str) -> None:
        """Note a bad row.

        Raises:
            RowsError: Bad rows are not skipped.
        """
        self.bad.append(f"{place}: {reason}")
        if not self.skip_bad:
            raise RowsError(f"{place}: {reason}. {self.way_out}")

    def summary(self) -> str:
        """Counts and the first bad rows, '' where all were good."""
        if not self.bad:
            return ""
        bad = list(dict.fromkeys(self.bad))  # several tasks may read one file
        more = f" … and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        return f"{len(bad)} bad rows skipped: " + "; ".join(bad[:_SHOWN]) + more


def read_examples(
    files: Iterable[Path],
    columns: Columns,
    make: Callable[[Fields], _Made | None],
    reading: Reading,
    separator: str = ",",
) -> list[_Made]:
    """All that `each_example` gives.

    Raises:
        RowsError: A bad row, where they are not skipped, or no such file.
    """
    return list(each_example(files, columns, make, reading, separator))


def each_example(
    files: Iterable[Path],
    columns: Columns,
    make: Callable[[Fields], _Made | None],
    reading: Reading,
    separator: str = ",",
    only: Collection[str] | None = None,
) -> Iterator[_Made]:
    """Read files of rows, one after the other.

    Args:
        files: .jsonl, .csv, .tsv or .parquet.
        columns: How the documented names are called in them; a name that is missing is its own.
        make: Fields -> example; None = has no place here; ValueError = a bad row.
        reading: Notes what is bad.
        separator: Of .csv files.
        only: What is looked at, by the names in the files: of Parquet that has them all, nothing
            else is read. None = all columns.

    Raises:
        RowsError: A bad row, where they are not skipped, or no such file.
    """
    for file in files:
        for place, row in _rows(file, separator, only):
            if isinstance(row, str):
                reading.refuse(place, row)
                continue
            try:
                example = make(Fields(row, columns))
            except (ValueError, OverflowError) as error:  # an integer of 400 digits is no float
                reading.refuse(place, str(error))
                continue
            if example is None:
                reading.n_left_out += 1
            else:
                yield example


def files_in(folder: Path, files: Iterable[str]) -> list[Path]:
    """A recipe's files, in the folder of the data.

    Raises:
        RowsError: One is missing.
    """
    found = [folder / file for file in files]
    for file in found:
        if not file.is_file():
            raise RowsError(f"{file} is not a file: name the folder of your data with --data")
    return found


@dataclass(frozen=True, slots=True)
class Fields:
    """One row, asked by documented names; a `ValueError` says what is wrong with it."""

    row: Mapping[str, object]
    columns: Columns
    documented_too: bool = False

    def as_documented(self) -> Fields:
        """The same row; a name whose columns it lacks, and which it has itself, is its own."""
        return Fields(
            self.row,
            {
                name: asked
                for name, asked in self.columns.items()
                if name not in self.row
                or any(each in self.row for each in ([asked] if isinstance(asked, str) else asked))
            },
            documented_too=True,
        )

    def text(self, name: str) -> str:
        """Text that is not blank; of several columns, what there is, joined."""
        found = self._joined(name)
        if not found:
            names = " and ".join(map(repr, self._names(name)))
            raise ValueError(f"{names} empty: {name} must be a text")
        return found

    def text_or_nothing(self, name: str) -> str:
        """The same, or '' where it is blank; a column that nobody has named need not be there."""
        if name not in self.columns and name not in self.row:
            return ""
        return self._joined(name)

    def number(self, name: str) -> float:
        """A finite number."""
        names = self.columns.get(name, name)
        if not isinstance(names, str):
            raise ValueError(f"{name} is one column, not {names}")
        value = self._value(name, names)
        try:
            number = float(value)  # type: ignore[arg-type]  # what is no number raises
        except (TypeError, ValueError):
            raise ValueError(f"{names!r} is {value!r}: {name} must be a number") from None
        if not abs(number) <= LARGEST:
            raise ValueError(f"{names!r} is {number}: {name} must be finite")
        return number

    def _names(self, name: str) -> list[str]:
        names = self.columns.get(name, name)
        return [names] if isinstance(names, str) else names

    def _joined(self, name: str) -> str:
        texts = [as_text(self._value(name, each), each) for each in self._names(name)]
        return ". ".join(filter(None, texts))

    def _value(self, name: str, column: str) -> object:
        if column not in self.row:
            other = f" and no {name!r}" if self.documented_too and name != column else ""
            there = ", ".join(map(repr, self.row))
            raise ValueError(f"no column {column!r}{other}; there are {there}")
        return plain(self.row[column], column)


def plain(value: object, column: str) -> object:
    """A value as its table means it: NaN is nothing, bytes are text in UTF-8.

    Raises:
        ValueError: They are none.
    """
    if isinstance(value, bytes):  # Parquet of writers that leave out that a column is text
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise ValueError(f"{column!r} is {value[:20]!r}…: bytes that are no UTF-8") from None
    return None if value != value else value


def as_text(value: object, column: str) -> str:
    """A value that is one text or number, as text without blanks around it; '' of nothing.

    A whole number is written alike whatever a table makes of it: 5, 5.0 and "5.0" are "5". An id
    is a text in CSV, and a float in a Parquet column that was ever empty.

    Raises:
        ValueError: It is several.
    """
    if isinstance(value, list | dict):
        raise ValueError(f"{column!r} is {value!r}: one text is needed")
    if value is None:
        return ""
    text = str(value).strip()
    return text[: -len(".0")] if _WHOLE.fullmatch(text) else text


def _rows(
    file: Path, separator: str, only: Collection[str] | None
) -> Iterator[tuple[str, Mapping[str, object] | str]]:
    """Place and row, or place and what is wrong with it."""
    if not file.is_file():
        raise RowsError(f"{file} is not a file")
    match file.suffix:
        case ".jsonl":
            return _json_lines(file)
        case ".csv":
            return _table(file, separator)
        case ".tsv":
            return _table(file, "\t")
        case ".parquet":
            return _parquet(file, only)
    raise RowsError(f"{file}: rows are read from .jsonl, .csv, .tsv and .parquet")


def _json_lines(file: Path) -> Iterator[tuple[str, Mapping[str, object] | str]]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            place = f"{file}:{number}"
            try:
                row = json.loads(line)
                if b"\\ud" in line.lower():  # half of such a pair is no text, and nothing takes it
                    json.dumps(row, ensure_ascii=False).encode()
            except (ValueError, RecursionError) as error:
                yield place, f"not JSON ({error})"
                continue
            yield place, row if isinstance(row, dict) else "not a JSON object"


def _table(file: Path, separator: str) -> Iterator[tuple[str, Mapping[str, object] | str]]:
    with file.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
        rows = csv.reader(stream, delimiter=separator, strict=True)
        names: list[str] | None = None
        while True:
            line = rows.line_num + 1  # a quoted field may go over several
            place = f"{file}:{line}"
            try:
                row = next(rows, None)
            except csv.Error as error:
                if names is None or rows.line_num > line:  # where the next row begins is not known
                    raise RowsError(f"{place}: {error}. Look for a quote that is alone") from error
                yield place, str(error)
                continue
            if row is None:
                return
            if not _is_text(row):
                if names is None:
                    raise RowsError(f"{place}: {_NOT_UTF_8}")
                yield place, _NOT_UTF_8
            elif names is None:
                names = row
                if twice := next((name for name in names if name and names.count(name) > 1), None):
                    raise RowsError(f"{file} has two columns called {twice!r}: rename one of them")
            elif len(row) == len(names):
                yield place, dict(zip(names, row, strict=True))
            elif row:
                yield place, f"{len(row)} fields, the header has {len(names)}"


def _is_text(row: list[str]) -> bool:
    """Whether all bytes of a row were UTF-8: those that were not are lone surrogates."""
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        return False
    return True


def _parquet(
    file: Path, only: Collection[str] | None
) -> Iterator[tuple[str, Mapping[str, object] | str]]:
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.ParquetFile(file)
        number = 0
        names = table.schema_arrow.names
        some = None if only is None or not set(only) <= set(names) else list(only)
        for batch in table.iter_batches(_AT_ONCE, columns=some):
            for row in batch.to_pylist():
                number += 1
                yield f"{file}, row {number}", row
    except (ArrowException, *DAMAGE) as error:  # a damaged part, or a time that Python cannot tell
        raise RowsError(
            f"{file} is no readable Parquet file ({error}): write it again, without what a recipe "
            "has no use for"
        ) from error
