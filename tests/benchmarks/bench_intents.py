"""Rules, and heads trained on their labels, beside 300 searches that one reader has labelled.

    python -m tests.benchmarks.bench_intents --data DIR [--model models/search-intent:intent]

`search_intents.jsonl` has the reader's labels. Texts that may not be published are there as their
SHA-256: DIR is looked through for them (home_depot_search/relevance.parquet, bestbuy_search/…,
amazon_qa_appliances/…, as in their SOURCE.md files).
"""

from __future__ import annotations

import argparse
import ast
import csv
import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyarrow import parquet
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from scoring.intents.rules import LABELS, NONE, weak_label
from scoring.intents.vocabulary import CatalogueItem, Vocabulary, read_vocabulary
from scoring.intents.words import folded

HAND = Path(__file__).with_name("search_intents.jsonl")


@dataclass(frozen=True, slots=True)
class Checked:
    """A search as the reader saw it.

    Attributes:
        text: In small letters.
        source: Data set that it is from.
        label: The reader's.
        natural: Drawn from its source at random, not for its rare weak label.
    """

    text: str
    source: str
    label: str
    natural: bool


def read_checked(folder: Path) -> list[Checked]:
    """All searches of the file whose texts are in it or found in the folder."""
    known = {digest(text): text for texts in read_queries(folder).values() for text in texts}
    found = []
    for line in HAND.read_text("utf-8").splitlines():
        row = json.loads(line)
        text = row.get("text") or known.get(row["sha256"])
        if text is None:
            raise SystemExit(f"{folder} lacks queries of {row['source']}")
        found.append(Checked(text, row["source"], row["label"], row["natural"]))
    return found


def digest(text: str) -> str:
    """By which a text is found again."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_queries(folder: Path) -> dict[str, list[str]]:
    """Data set -> its queries or questions, folded."""

    def column(file: str, name: str) -> Iterator[str]:
        for row in parquet.read_table(folder / file, columns=[name]).to_pylist():
            yield folded(row[name])

    with gzip.open(folder / "amazon_qa_appliances/qa_Appliances.json.gz", "rt") as lines:
        asked = [folded(ast.literal_eval(line)["question"]) for line in lines]
    return {
        "home_depot_search": list(column("home_depot_search/relevance.parquet", "search_term")),
        "bestbuy_search": list(column("bestbuy_search/clicks.parquet", "query")),
        "wands_queries": [folded(row["query"]) for row in _wands(folder)],
        "banking77": [folded(row["text"]) for row in _csv(folder / "banking77/test.csv", ",")],
        "amazon_qa_appliances": asked,
    }


def read_vocabularies(folder: Path) -> dict[str, Vocabulary]:
    """Data set -> what its shop's catalogue says; questions meet the hardware shop's."""
    titles = parquet.read_table(folder / "home_depot_search/relevance.parquet").to_pylist()
    hardware = read_vocabulary(CatalogueItem(row["product_title"]) for row in titles)
    games = json.loads((folder / "bestbuy_search/products.json").read_text("utf-8"))
    return {
        "home_depot_search": hardware,
        "bestbuy_search": read_vocabulary(CatalogueItem(game["name"]) for game in games.values()),
        "wands_queries": read_vocabulary(
            CatalogueItem("", category=row["query_class"]) for row in _wands(folder)
        ),
        "banking77": hardware,
        "amazon_qa_appliances": hardware,
    }


def by_rules(checked: Sequence[Checked], folder: Path) -> list[str]:
    """A weak label for each."""
    vocabularies = read_vocabularies(folder)
    return [weak_label(each.text, vocabularies[each.source]).label for each in checked]


def by_model(checked: Sequence[Checked], model: str) -> list[str]:
    """A head's label for each; where it abstains, none of these."""
    from scoring.saved.folder import load_model
    from scoring.tasks.contract import Example

    folder, _, task = model.rpartition(":")
    _, loaded = load_model(Path(folder))
    rows = [Example((each.text,)) for each in checked]
    answers = loaded.tasks[task].answers(loaded.heads[task], loaded.vectors(task, rows))
    return [NONE if answer["abstain"] else answer["label"] for answer in answers]


def show(name: str, checked: Sequence[Checked], labels: Sequence[str]) -> None:
    """Agreement as tables."""
    print(f"\n## {name}\n\n| searches | agree | share | 95 % | kappa |\n|---|---|---|---|---|")
    parts = {
        "all": [True for _ in checked],
        "drawn at random": [each.natural for each in checked],
        "drawn for rare labels": [not each.natural for each in checked],
        **{s: [each.source == s for each in checked] for s in read_sources(checked)},
        "shop searches whose label is not none": [each.label != NONE for each in checked],
    }
    for part, chosen in parts.items():
        pairs = [
            (each.label, label)
            for each, label, taken in zip(checked, labels, chosen, strict=True)
            if taken
        ]
        right = sum(hand == label for hand, label in pairs)
        low, high = binomtest(right, len(pairs)).proportion_ci(method="wilson")
        kappa = cohen_kappa_score(*zip(*pairs, strict=True))
        print(
            f"| {part} ({len(pairs)}) | {right} | {right / len(pairs):.3f} | "
            f"{low:.3f} – {high:.3f} | {kappa:.2f} |"
        )
    hand = [each.label for each in checked]
    table = confusion_matrix(hand, labels, labels=LABELS)  # (reader, given)
    print(f"\n| reader | {' | '.join(LABELS)} | precision | recall |")
    print(f"|---|{'---|' * (len(LABELS) + 2)}")
    for place, label in enumerate(LABELS):
        right, given, there = table[place, place], table[:, place].sum(), table[place].sum()
        counts = " | ".join(map(str, table[place]))
        print(f"| {label} | {counts} | {right}/{given} | {right}/{there} |")


def read_sources(checked: Sequence[Checked]) -> list[str]:
    """Data sets, in the order of the file."""
    return list(dict.fromkeys(each.source for each in checked))


def _wands(folder: Path) -> list[dict[str, str]]:
    return _csv(folder / "wands_queries/query.csv", "\t")


def _csv(file: Path, separator: str) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter=separator))


def main() -> None:
    """Print all tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--model", action="append", default=[], metavar="FOLDER:TASK")
    given = options.parse_args()
    checked = read_checked(given.data)
    show("rules", checked, by_rules(checked, given.data))
    for model in given.model:
        show(model, checked, by_model(checked, model))


if __name__ == "__main__":
    main()
