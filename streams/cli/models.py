"""`rillstream models …`: trained models, side by side."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.options import Json, examples, new_app
from streams.cli.printing import print_json, print_table

app = new_app(
    "models",
    "List, compare and merge trained models.",
    examples("rillstream models list"),
)


@app.command("list", epilog=examples("rillstream models list", "rillstream models list --json"))
def list_models(
    folder: Annotated[Path, typer.Argument(help="Where models are.")] = Path("models"),
    as_json: Json = False,
) -> None:
    """List trained models with what they were measured at."""
    from scoring.saved.described import described, is_model

    found = [described(each) for each in sorted(folder.glob("*")) if is_model(each)]
    if as_json:
        for each in found:
            print_json(
                {
                    "model": str(each.folder),
                    "version": each.version,
                    "ancestor": each.ancestor,
                    "metrics": each.metrics,
                }
            )
        return
    print_table(
        ("model", "version", "ancestor", "tasks"),
        [
            (each.folder, each.version, each.ancestor or "–", _tasks(each.tasks, each.metrics))
            for each in found
        ],
    )


@app.command(epilog=examples("rillstream models diff models/intent models/intent-2"))
def diff(
    first: Annotated[Path, typer.Argument(help="A trained model.")],
    second: Annotated[Path, typer.Argument(help="Another.")],
    as_json: Json = False,
) -> None:
    """Show in what two models differ: settings, metrics, weights."""
    from scoring.saved.difference import differences

    found = list(differences(first, second))
    if as_json:
        for name, one, other in found:
            print_json({"name": name, "first": one, "second": other})
    else:
        print_table(("", first.name, second.name), found)


@app.command(
    epilog=examples(
        "rillstream models merge models/a models/b --out models/ab",
        "rillstream models merge models/a models/b --weight 0.7 --weight 0.3 --out models/ab",
    )
)
def merge(
    models: Annotated[list[Path], typer.Argument(help="Two models or more, of one ancestor.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the new one.", show_default=False)],
    weight: Annotated[
        list[float] | None, typer.Option("--weight", help="One each.", show_default="equal")
    ] = None,
) -> None:
    """Average the weights of models that began as the same encoder.

    Measure the result: rillstream evaluate.
    """
    from scoring.saved.merge import merge as average

    average(models, weight or [1.0] * len(models), out)
    print(out)


@app.command(
    epilog=examples("rillstream models card models/intent", "rillstream models card default")
)
def card(
    model: Annotated[
        Path, typer.Argument(help="A trained model; default = the one that comes along.")
    ],
) -> None:
    """Print a model's card: data, licences, figures, limits."""
    from scoring.saved.card import read_card

    print(read_card(model), end="")


def _tasks(tasks: Iterable[str], metrics: Mapping[str, Mapping[str, float]]) -> str:
    return "; ".join(
        name + "".join(f" {m} {v:.3f}" for m, v in list(metrics.get(name, {}).items())[:1])
        for name in tasks
    )
