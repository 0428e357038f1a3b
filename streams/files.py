"""JSON Lines and Parquet files -> records, with file and line of every row that is none."""

from __future__ import annotations

import heapq
import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from streams.errors import BadFileError
from streams.events import Click, Impression, Search
from streams.items import Item
from streams.records import Record

Input = Click | Search | Item | Impression

STANDARD_INPUT: Final = Path("-")
"""In the place of a file: JSON Lines as they come in, once and never again."""

SUFFIXES: Final = (".jsonl", ".ndjson", ".json", ".parquet")
MAX_LINE_BYTES: Final = 1_000_000
_PARQUET_BUFFER: Final = 1 << 20
"""Read a column in pieces of this size, and not a row group's whole at once."""
_MAPS: Final = ("context", "filters")
"""Fields that Parquet may hold as a map, which arrives as a list of pairs."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row of a file that is no record.

    Attributes:
        path: The file.
        line: Its line, or row in a Parquet file, from 1.
        reason: What is wrong with it.
    """

    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


class _Shape(msgspec.Struct):
    """What tells the kinds of records apart."""

    type: object = None
    item_ids: msgspec.Raw | object = None


_shape = msgspec.json.Decoder(_Shape)
_decoders: Final[Mapping[type[Record], msgspec.json.Decoder[Any]]] = {
    kind: msgspec.json.Decoder(kind) for kind in (Click, Search, Item, Impression)
}
_KNOWN: Final = frozenset(
    field.encode_name for kind in _decoders for field in msgspec.structs.fields(kind)
)


def read_records(path: Path) -> Iterator[Input | BadRow]:
    """The records of one file; see `read_numbered`."""
    return (row for _, row in read_numbered(path))


def read_numbered(path: Path) -> Iterator[tuple[int, Input | BadRow]]:
    """Each row with its number, in the file's order; a bad row is an item, and reading goes on.

    Kinds may be mixed: a row with `"type": "search"` is a search, with another type a click, with
    `item_ids` an impression, and otherwise an item.

    Raises:
        BadFileError: The file is missing, is of no known format, or is broken as a whole.
    """
    if path == STANDARD_INPUT:
        return _read_lines(path, sys.stdin.buffer)
    if path.suffix not in SUFFIXES:
        raise BadFileError(f"{path}: unknown format; use one of {', '.join(SUFFIXES)}")
    if path.is_dir():
        raise BadFileError(f"{path}: this is a folder; name the files in it")
    if not path.is_file():
        raise BadFileError(f"{path}: there is no such file")
    if path.suffix == ".parquet":
        return _read_parquet(path)
    return _read_file(path)


def in_time_order(paths: Sequence[Path]) -> Iterator[Input | BadRow]:
    """The records of several files merged by event time; items, which come first, need none.

    Each file should be in time order itself; where it is not, its own order is kept.
    """
    streams = [_timed(read_records(path)) for path in paths]
    for _, row in heapq.merge(*streams, key=lambda timed: timed[0]):
        yield row


def _timed(rows: Iterable[Input | BadRow]) -> Iterator[tuple[int, Input | BadRow]]:
    """Rows with the moment at which they are due; a row without one is due with the row before."""
    due_ms = -1
    for row in rows:
        if not isinstance(row, BadRow | Item):
            due_ms = row.at_ms
        yield due_ms, row


def _kind_of(type_: object, item_ids: object) -> type[Input]:
    if type_ is not None:
        return Search if type_ == "search" else Click
    return Impression if item_ids is not None else Item


def _read_file(path: Path) -> Iterator[tuple[int, Input | BadRow]]:
    with path.open("rb") as file:
        yield from _read_lines(path, file)


def _read_lines(path: Path, file: BinaryIO) -> Iterator[tuple[int, Input | BadRow]]:
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if number == 1:  # Windows puts it there
            line = line.removeprefix(BOM_UTF8)
        if len(line) > MAX_LINE_BYTES:
            yield number, BadRow(path, number, f"longer than {MAX_LINE_BYTES} bytes")
            _skip_line(file, line)
        elif not line.isspace():
            yield number, _parse(path, number, line)


def _skip_line(file: BinaryIO, start: bytes) -> None:
    while start and not start.endswith(b"\n"):
        start = file.readline(MAX_LINE_BYTES)


def _parse(path: Path, number: int, line: bytes) -> Input | BadRow:
    try:
        shape = _shape.decode(line)
        record: Input = _decoders[_kind_of(shape.type, shape.item_ids)].decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return BadRow(path, number, str(error))
    except RecursionError:
        return BadRow(path, number, "nested too deeply")
    return record


def _read_parquet(path: Path) -> Iterator[tuple[int, Input | BadRow]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, buffer_size=_PARQUET_BUFFER) as file:
            number = 0
            # Columns of somebody else's may hold what Python has no value for, as nanoseconds.
            columns = [name for name in file.schema_arrow.names if name in _KNOWN]
            for batch in file.iter_batches(batch_size=8_192, columns=columns):
                for fields in batch.to_pylist():
                    number += 1
                    yield number, _convert(path, number, fields)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise BadFileError(f"{path}: not a readable Parquet file: {error}") from None


def _convert(path: Path, number: int, fields: dict[str, Any]) -> Input | BadRow:
    for name in _MAPS:
        value = fields.get(name)
        if isinstance(value, dict | list):
            pairs = value.items() if isinstance(value, dict) else value
            try:
                fields[name] = {key: inner for key, inner in pairs if inner is not None}
            except (TypeError, ValueError):  # a list of something else than pairs
                return BadRow(path, number, f"{name} is no map")
    kind = _kind_of(fields.get("type"), fields.get("item_ids"))
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        return BadRow(path, number, str(error))
