"""Files of a catalogue and of searches -> texts and pairs, to learn from and to measure with."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec

from scoring.errors import RowsError
from scoring.pretraining.recipe import Pretraining, Source
from scoring.training.rows import Fields, Reading, files_in, read_examples
from scoring.training.split import place_of, split

Pair = tuple[str, str]
"""What is asked, and what is to be found: query and title, or title and description."""

_Row = TypeVar("_Row")
_FEWEST: Final = 2  # a contrast needs two


@dataclass(frozen=True, slots=True)
class Held(Generic[_Row]):
    """Rows of one loss.

    Attributes:
        train: To learn from.
        held_out: To measure with, before and after.
    """

    train: tuple[_Row, ...]
    held_out: tuple[_Row, ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    """All that is read.

    Attributes:
        words: Texts whose words are hidden: "title. description", and queries.
        pairs: ``clicks``: queries with clicked titles; ``items``: titles with descriptions.
    """

    words: Held[str]
    pairs: Mapping[str, Held[Pair]]

    def sizes(self) -> dict[str, int]:
        """Rows to learn from by loss."""
        pairs = {name: len(held.train) for name, held in self.pairs.items()}
        return {"words": len(self.words.train)} | pairs

    def digest(self) -> str:
        """What tells two corpora apart, for a checkpoint that goes on with the same one."""
        digest = hashlib.blake2b(digest_size=8)
        digest.update(msgspec.json.encode([self.words, self.pairs]))
        return digest.hexdigest()


def read_corpus(recipe: Pretraining, folder: Path, reading: Reading) -> Corpus:
    """Read, drop what is there twice, and hold out by a hash of title or query.

    A text that is held out is in no part that is learned from, except that titles of held-out
    items may have been clicked.

    Args:
        recipe: Files, shares and seeds.
        folder: Where the files are.
        reading: Notes bad rows.

    Raises:
        RowsError: A file is missing, a bad row is not to be skipped, or nothing is left.
    """
    items = _read(recipe.catalogue, folder, reading, _item, recipe.training.seed)
    clicks = _read(recipe.queries, folder, reading, _click, recipe.training.seed)
    held_items, items = split(items, _first, recipe.held_out, "items", recipe.split_seed)
    held_clicks, clicks = split(clicks, _first, recipe.held_out, "queries", recipe.split_seed)
    corpus = Corpus(
        words=Held(_texts(items, clicks), _texts(held_items, held_clicks)),
        pairs={
            "clicks": Held(tuple(clicks), tuple(held_clicks)),
            "items": Held(_described(items), _described(held_items)),
        },
    )
    if max(corpus.sizes().values()) < _FEWEST:
        raise RowsError(
            f"{len(corpus.words.train)} texts to learn from ({len(reading.bad)} rows are bad): "
            f"{_FEWEST} at least"
        )
    return corpus


def _read(
    sources: Mapping[str, Source],
    folder: Path,
    reading: Reading,
    make: Callable[[Fields], Pair],
    seed: int,
) -> list[Pair]:
    """Distinct rows of all sources, at most so many of each as it says."""
    found: dict[Pair, None] = {}
    for source in sources.values():
        paths = files_in(folder, source.files)
        rows = read_examples(paths, source.columns, make, reading, source.separator)
        distinct = list(dict.fromkeys(rows))
        if source.max_rows is not None and len(distinct) > source.max_rows:
            distinct.sort(key=lambda row: place_of(_first(row), "fewer", seed))
            distinct = distinct[: source.max_rows]
        found |= dict.fromkeys(distinct)
    return list(found)


def _item(fields: Fields) -> Pair:
    """Title and description; '' where there is none."""
    return fields.text("title"), fields.text_or_nothing("description")


def _click(fields: Fields) -> Pair:
    return fields.text("query"), fields.text("title")


def _texts(items: Sequence[Pair], clicks: Sequence[Pair]) -> tuple[str, ...]:
    described = (f"{title}. {text}" if text else title for title, text in items)
    return tuple(dict.fromkeys([*described, *(query for query, _ in clicks)]))


def _described(items: Sequence[Pair]) -> tuple[Pair, ...]:
    return tuple(pair for pair in items if pair[1])


def _first(row: Pair) -> str:
    return row[0]
