"""`rillstream models …`: trained models, side by side."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.named import model_must_be_there, must_be_there
from streams.cli.options import DataHere, Json, SkipBad, examples, new_app
from streams.cli.printing import print_json, print_table, remark

_FOLDER = Path("models")

app = new_app(
    "models",
    "List, compare, merge and fuse trained models.",
    examples("rillstream models list"),
)


@app.command("list", epilog=examples("rillstream models list", "rillstream models list --json"))
def list_models(
    folder: Annotated[Path, typer.Argument(help="Where models are.")] = _FOLDER,
    as_json: Json = False,
) -> None:
    """List trained models with what they were measured at."""
    if folder != _FOLDER:
        must_be_there(folder)
    from scoring.errors import ScoringError
    from scoring.saved.described import described, is_model

    there = os.listdir(folder) if folder.exists() else []
    found = []
    for model in filter(is_model, (folder / name for name in sorted(there))):
        try:
            found.append(described(model))
        except ScoringError as error:  # one that is damaged hides no other
            remark(str(error))
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
    if not found:
        remark(f"No trained model in {folder}. Make one: rillstream train RECIPE.toml")
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
    model_must_be_there(first, second)
    from scoring.saved.difference import differences

    found = list(differences(first, second))
    if as_json:
        for name, one, other in found:
            print_json({"name": name, "first": one, "second": other})
    elif found:
        print_table(("", first.name, second.name), found)
    else:
        remark("They differ in nothing.")


@app.command(
    epilog=examples(
        "rillstream models merge models/a models/b --out models/ab",
        "rillstream models merge models/a models/b --weight 0.7 --weight 0.3 --out models/ab",
    )
)
def merge(
    models: Annotated[list[Path], typer.Argument(help="Two models or more, of one ancestor.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out", help="Where the result goes: the model's folder.", show_default=False
        ),
    ],
    weight: Annotated[
        list[float] | None, typer.Option("--weight", help="One each.", show_default="equal")
    ] = None,
) -> None:
    """Average the weights of models that began as the same encoder.

    Measure the result: rillstream evaluate.
    """
    model_must_be_there(*models)
    from scoring.saved.merge import merge as average

    average(models, weight or [1.0] * len(models), out)
    print(out)


@app.command(
    epilog=examples(
        "rillstream models fuse models/a models/b --out models/both",
        "rillstream models fuse models/a models/b --weight 0.7 --weight 0.3 --out models/both",
        "rillstream models fuse models/a models/b --task intent --input more.csv --out models/both",
    )
)
def fuse(
    models: Annotated[list[Path], typer.Argument(help="Two models or more, with the same tasks.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out", help="Where the result goes: the model's folder.", show_default=False
        ),
    ],
    weight: Annotated[
        list[float] | None, typer.Option("--weight", help="One each.", show_default="equal")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            "--task", help="One of the tasks: it chooses the weights.", show_default=False
        ),
    ] = None,
    rows: Annotated[
        list[Path] | None,
        typer.Option(
            "--input",
            help="Rows: such as no model has learned; may be repeated.",
            show_default="validation rows that all of them have",
        ),
    ] = None,
    data: DataHere = Path(),
    skip_bad: SkipBad = False,
) -> None:
    """Answer with the weighted mean of several models' scores.

    They may have begun as different encoders, and each text is read by all of them: twice the
    time for two. Measure the result: rillstream evaluate.
    """
    model_must_be_there(*models)
    must_be_there(rows)
    from scoring.fusion.saved import fuse as write
    from scoring.fusion.saved import weights_of

    if task is None:
        if rows:
            raise typer.BadParameter("--input chooses weights by a task: name it with --task")
        weights = weight or [1.0] * len(models)
    elif weight:
        raise typer.BadParameter("--weight or --task: weights are given, or chosen")
    else:
        from scoring.training.rows import Reading

        weights = weights_of(models, task, data, rows or (), Reading(skip_bad))
    saved = write(models, weights, out)
    for member, share in zip(saved.members, saved.weights, strict=True):
        remark(f"{share:.2f} of {member.recipe.name} {member.version()}")
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
    model_must_be_there(model)
    from scoring.saved.card import read_card

    print(read_card(model), end="")


def _tasks(tasks: Iterable[str], metrics: Mapping[str, Mapping[str, float]]) -> str:
    return "; ".join(
        name + "".join(f" {m} {v:.3f}" for m, v in list(metrics.get(name, {}).items())[:1])
        for name in tasks
    )
