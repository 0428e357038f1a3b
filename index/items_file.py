"""items.parquet: the catalogue's columns, in the order of the vectors."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
import numpy as np

from index.catalogue import Catalogue, Item, checked_popularity

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_ROWS_A_GROUP = 16_384
_ROWS_AT_ONCE = 4_096  # about a millisecond
_SERVED = ["item_id", "title", "category", "brand", "price", "in_stock", "popularity"]


def _schema() -> pa.Schema:
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [
            pa.field("item_id", text, nullable=False),
            pa.field("title", text, nullable=False),
            pa.field("description", text),
            pa.field("category", text),
            pa.field("brand", text),
            pa.field("price", pa.float64()),
            pa.field("tags", pa.list_(text), nullable=False),
            pa.field("in_stock", pa.bool_(), nullable=False),
            pa.field("popularity", pa.float32(), nullable=False),
        ]
    )


def write_items(
    path: Path,
    items: Sequence[Item],
    popularity: NDArray[np.float32],
    order: NDArray[np.int64],
) -> None:
    """Write items and their popularity, some thousand at a time.

    Args:
        path: A file that does not exist yet. Durable when this returns.
        items: N items; only those of one row group are asked for at a time.
        popularity: (N,), aligned with the items.
        order: (N,) which item each row of the file is.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema()
    with path.open("xb") as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for start in range(0, len(order), _ROWS_A_GROUP):
                chunk = order[start : start + _ROWS_A_GROUP]
                group = [items[i] for i in chunk.tolist()]
                columns: dict[str, object] = {
                    name: [getattr(item, name) for item in group] for name in schema.names[:-1]
                }
                columns["popularity"] = popularity[chunk]
                writer.write_table(pa.table(columns, schema=schema))
        file.flush()
        os.fsync(file.fileno())


def read_items(file: BinaryIO) -> Iterator[tuple[list[Item], NDArray[np.float32]]]:
    """Items with all that is known of them, some thousand at a time, and their popularity.

    Raises:
        ValueError: It is no such file.
    """
    import pyarrow.parquet as pq

    with _told_as_one():
        for batch in pq.ParquetFile(file).iter_batches(batch_size=_ROWS_A_GROUP):
            rows = batch.to_pylist()
            popularity = np.array([row.pop("popularity") for row in rows], np.float32)
            yield [msgspec.convert(row, Item) for row in rows], popularity


def read_ids(file: BinaryIO, count: int) -> pa.Array:
    """(N,) item ids.

    Raises:
        ValueError: It is no such file, or has another number of rows.
    """
    return _columns(file, ["item_id"], count)["item_id"].combine_chunks()


def _columns(file: BinaryIO, names: list[str], count: int) -> pa.Table:
    """N rows of these columns, of the types that were written.

    Raises:
        ValueError: It is no Parquet, or its columns, types or number of rows are others.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _told_as_one():
        table = pq.read_table(file, columns=names)
    schema = _schema()
    if not table.schema.equals(pa.schema([schema.field(name) for name in names])):
        found = ", ".join(f"{field.name}: {field.type}" for field in table.schema)
        raise ValueError(f"items.parquet has columns {found}, expected {', '.join(names)}")
    if table.num_rows != count:
        raise ValueError(f"items.parquet has {table.num_rows} rows, the manifest says {count}")
    return table


@contextmanager
def _told_as_one() -> Iterator[None]:
    """What Arrow raises for bytes that are not what they should be, as ValueError.

    That is OSError for the most of them; an error of the disk has a number, and stays one.
    """
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, KeyError, msgspec.ValidationError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(f"items.parquet cannot be read ({error})") from error


def _listed(column: pa.ChunkedArray) -> list[Any]:
    """Python's values of a column, some thousand at a time.

    Arrow holds the interpreter's lock while it makes them; a worker that serves meanwhile would
    stand still for the length of a column.
    """
    values: list[Any] = []
    for start in range(0, len(column), _ROWS_AT_ONCE):
        values += column.slice(start, _ROWS_AT_ONCE).to_pylist()
        time.sleep(0)
    return values


def read_catalogue(file: BinaryIO, count: int) -> Catalogue:
    """The columns that serving needs.

    Raises:
        ValueError: It is no Parquet, or its columns, types or number of rows are others.
    """
    table = _columns(file, _SERVED, count)
    with np.errstate(over="ignore"):
        prices = table["price"].to_numpy().astype(np.float32)  # null becomes nan
    if (prices < 0).any() or np.isinf(prices).any():
        raise ValueError("items.parquet has a price that is negative or not finite as float32")
    popularity = table["popularity"].to_numpy().astype(np.float32)
    return Catalogue(
        ids=_listed(table["item_id"]),
        titles=_listed(table["title"]),
        categories=_listed(table["category"]),
        brands=_listed(table["brand"]),
        prices=prices,
        in_stock=np.array(table["in_stock"].to_numpy(), dtype=np.bool_),
        popularity=checked_popularity(popularity, count),
    )
