"""`rillstream tasks label-intents`, `invent-queries`: rows for an intent head."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.named import must_be_there
from streams.cli.options import Json, Seed, SkipBad, examples
from streams.cli.printing import print_json, print_table, remark
from streams.cli.whole_lines import write_lines

Items = Annotated[
    list[Path],
    typer.Option(
        "--items",
        help="The catalogue: title, brand, category; .jsonl, .csv, .tsv or .parquet.",
        show_default=False,
    ),
]
Column = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="NAME=COLUMN",
        help="What query, title, brand or category is called in the files.",
        show_default="the same",
    ),
]
Out = Annotated[
    Path, typer.Option("--out", help="Where the result goes: JSON Lines.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "label-intents",
        epilog=examples(
            "rillstream tasks label-intents log.jsonl --items items.jsonl --out intents.jsonl",
            "rillstream tasks label-intents log.csv --items items.csv --column query=search_term "
            "--out intents.jsonl",
        ),
    )(label_intents)
    app.command(
        "invent-queries",
        epilog=examples(
            "rillstream tasks invent-queries --items items.jsonl --out searches.jsonl",
            "rillstream tasks invent-queries --items items.jsonl --max 20000 --out searches.jsonl "
            "--pairs pairs.jsonl",
        ),
    )(invent_queries)


def label_intents(
    queries: Annotated[list[Path], typer.Argument(help="Files with a query in each row.")],
    items: Items,
    out: Out,
    column: Column = None,
    without: Annotated[
        list[Path] | None,
        typer.Option(
            "--without", help="Files of text: queries that must not be learned.", show_default=False
        ),
    ] = None,
    skip_bad: SkipBad = False,
    as_json: Json = False,
) -> None:
    """Label queries by weak rules, as what a shopper is after.

    That is one of discounts, new_arrivals, brand, category, product, service, none. The labels are
    guesses of rules in English, for a head that learns from many of them: see
    docs/search-intents.md for how often a reader agreed. Each distinct query is written once.
    """
    must_be_there(queries, items, without)
    from scoring.intents.labelling import label_queries, read_catalogue
    from scoring.training.rows import Reading, read_examples

    reading, columns = Reading(skip_bad), _columns(column)
    held = read_examples(without or (), {}, lambda fields: fields.text("text"), reading)
    vocabulary = read_catalogue(items, columns, reading)
    remark(
        f"the catalogue has {len(vocabulary.brands):,} brands, {len(vocabulary.kinds):,} kinds of "
        f"things and {len(vocabulary.places):,} words"
    )
    rows = list(label_queries(queries, vocabulary, columns, reading, without=held))
    write_lines(out, (asdict(row) for row in rows))
    counts = Counter((row.label, row.rule) for row in rows)
    if as_json:
        for (label, rule), n in sorted(counts.items()):
            print_json({"label": label, "rule": rule, "n": n})
    else:
        print_table(("label", "rule", "queries"), [(*key, n) for key, n in sorted(counts.items())])
    if said := reading.summary():
        remark(said)


def invent_queries(
    items: Items,
    out: Out,
    pairs: Annotated[
        Path | None,
        typer.Option(
            help="Also those made from one item, with its title: query, title.", show_default=False
        ),
    ] = None,
    maximum: Annotated[int, typer.Option("--max", min=1, help="At most so many: queries.")] = 5000,
    seed: Seed = 0,
    column: Column = None,
    skip_bad: SkipBad = False,
) -> None:
    """Make searches up from a catalogue.

    For a shop that has no log yet: parts of titles, brands, codes, and phrases that ask for
    offers, for new things and for help. Each row is marked as simulated.
    """
    must_be_there(items)
    from scoring.intents.invented import invent
    from scoring.intents.labelling import read_items
    from scoring.intents.vocabulary import read_vocabulary
    from scoring.training.rows import Reading

    reading = Reading(skip_bad)
    found = read_items(items, _columns(column), reading)
    made = list(dict.fromkeys(invent(found, read_vocabulary(found), maximum, seed)))
    write_lines(out, ({"query": each.query, "simulated": True} for each in made))
    if pairs is not None:
        both = ({**asdict(each), "simulated": True} for each in made if each.title)
        write_lines(pairs, both)
    remark(f"{len(made):,} different ones in {out}")
    if said := reading.summary():
        remark(said)


def _columns(given: list[str] | None) -> dict[str, str | list[str]]:
    columns: dict[str, str | list[str]] = {}
    for pair in given or ():
        name, equals, column = pair.partition("=")
        if not equals or name not in ("query", "title", "brand", "category"):
            raise typer.BadParameter(
                f"{pair!r}: write query=…, title=…, brand=… or category=… and a column's name"
            )
        columns[name] = column
    return columns
