"""The rows of the model that comes along, from data that may be shipped.

    python -m scoring.recipes.default.rows --data DIR --out ROWS

DIR has online_retail/online_retail.parquet (UCI), wands_queries/query.csv, banking77/*.csv and
womens_clothing_reviews/reviews.parquet as they are published. `makers.jsonl` are well-known names
of makers, so that rules know a brand when they see one: these two catalogues name none.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from scoring.intents.invented import invent
from scoring.intents.labelling import label_queries, read_items
from scoring.intents.vocabulary import read_vocabulary
from scoring.training.rows import Fields, Reading, read_examples

_MAKERS: Final = Path(__file__).with_name("makers.jsonl")
_COPIED: Final = ("banking77/train.csv", "banking77/test.csv")
_INVENTED: Final = 7_000
_LEAST_LETTERS: Final = 8
# Notes of the warehouse stand among the titles; real ones are in capitals.
_TITLE: Final = re.compile(r"[A-Z0-9][A-Z0-9 ,.'&/+\"()-]+")


def write_rows(folder: Path, out: Path, without: Iterable[Path] = ()) -> None:
    """Write intents.jsonl and pairs.jsonl, and copy the files that need no change.

    Args:
        folder: Of the published data.
        out: Where the rows are to be.
        without: Files of `text`: searches that must not be learned.
    """
    reading = Reading()
    out.mkdir(parents=True, exist_ok=True)
    titles = [{"title": title} for title in _gift_shop(folder)]
    _write(out / "titles.jsonl", titles)
    wands = list(_wands(folder, reading))
    _write(out / "kinds.jsonl", ({"category": row["kind"]} for row in wands if row["kind"]))
    catalogue = [out / "titles.jsonl", out / "kinds.jsonl", _MAKERS]
    items = read_items(catalogue, {}, reading)
    vocabulary = read_vocabulary(items)
    made = list(dict.fromkeys(invent(items, vocabulary, _INVENTED, seed=0)))
    queries = [row["query"] for row in wands] + [each.query for each in made]
    _write(out / "queries.jsonl", ({"query": query} for query in queries))
    held = read_examples(without, {}, lambda row: row.text_or_nothing("text") or None, reading)
    rows = label_queries([out / "queries.jsonl"], vocabulary, {}, reading, without=held)
    _write(out / "intents.jsonl", ({"text": row.text, "label": row.label} for row in rows))
    _write(
        out / "pairs.jsonl",
        ({"question": each.query, "answer": each.title.lower()} for each in made if each.title),
    )
    for file in (*_COPIED, "womens_clothing_reviews/reviews.parquet"):
        (out / file).parent.mkdir(exist_ok=True)
        shutil.copyfile(folder / file, out / file)


def _gift_shop(folder: Path) -> list[str]:
    from pyarrow import parquet

    file = folder / "online_retail/online_retail.parquet"
    found = parquet.read_table(file, columns=["Description"])["Description"].unique().to_pylist()
    clean = {" ".join(title.split()) for title in found if title}
    return sorted(
        title for title in clean if len(title) >= _LEAST_LETTERS and _TITLE.fullmatch(title)
    )


def _wands(folder: Path, reading: Reading) -> Iterator[dict[str, str]]:
    def make(fields: Fields) -> dict[str, str]:
        return {"query": fields.text("query"), "kind": fields.text_or_nothing("query_class")}

    return iter(read_examples([folder / "wands_queries/query.csv"], {}, make, reading, "\t"))


def _write(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with file.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def main() -> None:
    """Read the arguments."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--without", type=Path, action="append", default=[])
    given = options.parse_args()
    write_rows(given.data, given.out, given.without)


if __name__ == "__main__":
    main()
