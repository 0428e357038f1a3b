"""`rillstream rules …`: look at a file of rules before workers do."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.named import must_be_there
from streams.cli.options import IndexDir, IndexUrl, Json, examples, new_app, settings_from
from streams.cli.printing import print_json

if TYPE_CHECKING:
    from index import Catalogue
    from streams.settings import Settings

app = new_app(
    "rules",
    "Look at a file of rules before workers do.",
    examples("rillstream rules check rules.toml"),
)


@app.callback()
def _group() -> None:
    """Look at a file of rules before workers do."""


@app.command(
    epilog=examples("rillstream rules check rules.toml", "rillstream rules check rules.toml --json")
)
def check(
    file: Annotated[Path, typer.Argument(help="Rules in TOML, see docs/ranking.md.")],
    index_dir: IndexDir = None,
    index_url: IndexUrl = None,
    as_json: Json = False,
) -> None:
    """Say what a file of rules means, and check its names.

    A name that the current index does not have is a warning: the item may come later. Without an
    index only the file is looked at.
    """
    must_be_there(file)
    from scoring.rules.comparison import blocked_counts, doubts
    from scoring.rules.rule_file import read_rules
    from scoring.rules.words import sentences

    settings = settings_from(index_dir=index_dir, index_url=index_url)
    rules = read_rules(file)
    catalogue = _catalogue(settings)
    counts = {} if catalogue is None else blocked_counts(rules, catalogue)
    warnings = [] if catalogue is None else list(doubts(rules, catalogue))
    if as_json:
        print_json(
            {
                "rules_version": rules.version,
                "rules": list(sentences(rules)),
                "compared_with": None if catalogue is None else len(catalogue),
                "blocked": counts,
                "warnings": warnings,
            }
        )
        return
    print(f"{file}: {rules.version}")
    print("\n".join(f"  {line}" for line in sentences(rules)))
    if catalogue is None:
        place = settings.index_url or settings.index_dir
        print(f"No index in {place}: names were not compared with it.")
        return
    for rule, n_items in counts.items():
        print(f"  {rule}: takes {n_items:,} of {len(catalogue):,} items out of every list")
    for line in warnings:
        print(f"warning: {line}")


def _catalogue(settings: "Settings") -> "Catalogue | None":
    """Of the current version, if there is one."""
    from streams.index_folder import index_store

    store = index_store(settings)
    return None if store.current() is None else store.open().catalogue
