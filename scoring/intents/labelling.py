"""Files of queries and of a catalogue -> weakly labelled rows, as a classification learns them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scoring.errors import RowsError
from scoring.intents.rules import weak_label
from scoring.intents.vocabulary import CatalogueItem, Vocabulary, read_vocabulary
from scoring.intents.words import folded
from scoring.training.rows import Columns, Fields, Reading, read_examples


@dataclass(frozen=True, slots=True)
class Row:
    """One line of what is written.

    Attributes:
        text: A query, blanks collapsed.
        label: A weak one.
        rule: Which rule gave it; '' = none did.
        n: How often it was in the files.
    """

    text: str
    label: str
    rule: str
    n: int


def read_catalogue(files: Sequence[Path], columns: Columns, reading: Reading) -> Vocabulary:
    """Brands, kinds and titles of item files: `title`, `brand`, `category`, one of them at least.

    Raises:
        RowsError: A bad row, where they are not skipped, or no such file.
    """
    return read_vocabulary(read_items(files, columns, reading))


def read_items(files: Sequence[Path], columns: Columns, reading: Reading) -> list[CatalogueItem]:
    """The items of files, as rules look at them; errors as `read_catalogue`."""

    def make(fields: Fields) -> CatalogueItem:
        item = CatalogueItem(
            *(fields.text_or_nothing(name) for name in ("title", "brand", "category"))
        )
        if item == CatalogueItem(""):
            raise ValueError("no title, brand or category")
        return item

    items = read_examples(files, columns, make, reading)
    if not items:
        raise RowsError(f"no items in {', '.join(map(str, files))}")
    return items


def label_queries(
    files: Sequence[Path],
    vocabulary: Vocabulary,
    columns: Columns,
    reading: Reading,
    *,
    without: Collection[str] = (),
) -> Iterator[Row]:
    """Each distinct query once, in the order of the files.

    Args:
        files: Rows with a `query`.
        vocabulary: Of the shop's catalogue.
        columns: How `query` is called in them.
        reading: Notes bad rows.
        without: Queries to leave out, for instance those that a head is to be tested with.

    Raises:
        RowsError: A bad row, where they are not skipped, or no such file.
    """
    counts: dict[str, int] = {}
    left_out = {folded(query) for query in without}
    for query in read_examples(files, columns, lambda fields: fields.text("query"), reading):
        counts[folded(query)] = counts.get(folded(query), 0) + 1
    for query, n in counts.items():
        if query not in left_out:
            found = weak_label(query, vocabulary)
            yield Row(query, found.label, found.rule, n)
