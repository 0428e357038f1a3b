"""Item ids and a table -> what goes together with each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from scoring.related.table import RelatedItems
from scoring.training.rows import Columns, Fields, Reading, read_examples

_DECIMALS: Final = 6


def related_items(
    table: RelatedItems,
    source: Path,
    reading: Reading,
    *,
    columns: Columns | None = None,
    n_items: int = 10,
) -> Iterator[Mapping[str, Any]]:
    """One answer for each row, in their order; an item that the table lacks has no company.

    Args:
        table: What goes together.
        source: Rows with ``item_id``.
        reading: Notes bad rows.
        columns: How ``item_id`` is called, if not so.
        n_items: Of a list.

    Yields:
        ``{"item_id", "items": [{"item_id", "score"}, …]}``, best first; scores are strengths.

    Raises:
        RowsError: A bad row, where they are not skipped, or no such file.
    """
    rows = {item_id: row for row, item_id in enumerate(table.item_ids)}
    for item_id in read_examples([source], columns or {}, _item_id, reading):
        items = []
        if (row := rows.get(item_id)) is not None:
            near = table.neighbours[row, :n_items].tolist()
            strengths = table.strengths[row, :n_items].tolist()
            items = [
                {"item_id": table.item_ids[other], "score": round(strength, _DECIMALS)}
                for other, strength in zip(near, strengths, strict=True)
                if other >= 0
            ]
        yield {"item_id": item_id, "items": items}


def _item_id(fields: Fields) -> str:
    return fields.as_documented().text("item_id")
