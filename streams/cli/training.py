"""`rillstream train`, `evaluate` and `predict`: models of anyone's rows."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from streams.cli import behaviour, next_item, ranker, related, texts
from streams.cli.asked import Kind, TrainingAsked
from streams.cli.measured import judge, print_measures
from streams.cli.named import model_must_be_there, must_be_there
from streams.cli.options import (
    Data,
    DataHere,
    Json,
    RecipeSeed,
    Restart,
    SkipBad,
    Threads,
    examples,
)
from streams.cli.printing import json_line, remark
from streams.cli.together import one_voice
from streams.cli.whole_lines import write_lines

_KINDS: Final[tuple[Kind, ...]] = (next_item, behaviour, ranker, related, texts)
"""The first that says yes; tasks on texts are what no other is."""

TensorBoard = Annotated[
    Path | None,
    typer.Option(help="Folder for curves; needs pip install tensorboard.", show_default=False),
]
Model = Annotated[
    Path, typer.Argument(help="Folder of a trained model; default = the one that comes along.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "train",
        epilog=examples(
            "rillstream train intent.toml",
            "rillstream train intent.toml --data ~/data --out models/intent --seed 1",
            "rillstream train shop.toml --twins --seeds 3",
            "rillstream train shop.toml --skip-bad --tensorboard runs --threads 4",
        ),
    )(train)
    app.command(
        "evaluate",
        epilog=examples(
            "rillstream evaluate models/intent --data ~/data",
            "rillstream evaluate models/shop --task sentiment --input reviews.csv --json",
        ),
    )(evaluate)
    app.command(
        "predict",
        epilog=examples(
            "rillstream predict models/intent intent --input questions.jsonl --out labels.jsonl",
            "rillstream predict default sentiment --input reviews.csv",
            "rillstream predict models/shop relevance --input pairs.csv",
            "rillstream predict models/next next-item --input events.jsonl",
            "rillstream predict models/heads click --input impressions.jsonl",
        ),
    )(predict)


def train(
    config: Annotated[Path, typer.Argument(help="A recipe in TOML: docs/training.md.")],
    data: Data = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Where the result goes: the model's folder.", show_default="models/NAME"
        ),
    ] = None,
    seed: RecipeSeed = None,
    skip_bad: SkipBad = False,
    restart: Restart = False,
    tensorboard: TensorBoard = None,
    twins: Annotated[
        bool,
        typer.Option(
            "--twins", help="Train each task alone as well, and compare: does sharing cost?"
        ),
    ] = False,
    seeds: Annotated[
        int,
        typer.Option(
            help="With --twins: so many trainings of both, with --seed and the seeds after it.",
            min=1,
        ),
    ] = 1,
    threads: Threads = 1,
    as_json: Json = False,
) -> None:
    """Train a model by a recipe, measure it and save it.

    It is measured on its test rows, from which it never learns. Ctrl-C, or a kill, loses two
    minutes at most: the same command goes on with the same batches. With --twins, exit code 7 when
    a head loses more by sharing than the recipe's twin_margin.
    """
    must_be_there(config)
    if seeds > 1 and not twins:
        raise typer.BadParameter("--seeds is of --twins: give both, or --seed for another training")
    from scoring.training.rows import Reading

    reading, kind = Reading(skip_bad), _of_recipe(config)
    with one_voice(kind.KIND, shares=kind is texts) as processes:
        done = kind.train(
            TrainingAsked(
                config,
                data or config.parent,
                out,
                seed,
                reading,
                restart,
                tensorboard,
                twins,
                seeds,
                threads,
                processes,
            )
        )
        if said := reading.summary():
            remark(said)
        print_measures(done.measures, as_json=as_json)
        if done.judged is not None:
            judge(done.judged, as_json=as_json)


def evaluate(
    model: Model,
    data: DataHere = Path(),
    task: Annotated[
        str | None,
        typer.Option("--task", help="One of the tasks.", show_default="all of the model"),
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--input",
            help="Rows: others for the task; may be repeated.",
            show_default="test rows of the recipe",
        ),
    ] = None,
    skip_bad: SkipBad = False,
    threads: Threads = 1,
    as_json: Json = False,
) -> None:
    """Measure a trained model.

    Without --input on the test rows of its recipe, which it has never learned from.
    """
    model_must_be_there(model)
    must_be_there(files)
    import torch

    from scoring.training.rows import Reading

    torch.set_num_threads(threads)
    reading = Reading(skip_bad)
    kind = next(kind for kind in _KINDS if kind.is_model(model))
    found = kind.evaluate(model, data, task, files or [], reading)
    if said := reading.summary():
        remark(said)
    print_measures(found, as_json=as_json)


def predict(
    model: Model,
    task: Annotated[str, typer.Argument(help="One of its tasks.")],
    source: Annotated[
        Path,
        typer.Option("--input", help="Rows: .jsonl, .csv, .tsv or .parquet.", show_default=False),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "--output",
            help="Where the result goes: JSON Lines.",
            show_default="standard output",
        ),
    ] = None,
    skip_bad: SkipBad = False,
    threads: Threads = 1,
) -> None:
    """Answer rows: labels, scores.

    What was asked comes back with label, confidence and abstain, or with a score. Columns are
    called as in the recipe, or as documented: text; query, title; question, answer.
    """
    model_must_be_there(model)
    must_be_there(source)
    import torch

    from scoring.training.rows import Reading

    torch.set_num_threads(threads)
    reading = Reading(skip_bad)
    kind = next(kind for kind in _KINDS if kind.is_model(model))
    answers = kind.predict(model, task, source, reading)
    if out is None:
        for row in answers:
            sys.stdout.write(json_line(row) + "\n")
    else:
        write_lines(out, answers)
    if said := reading.summary():
        remark(said)


def _of_recipe(config: Path) -> Kind:
    for kind in _KINDS:
        if kind.is_recipe(config):
            return kind
    from scoring.errors import RecipeError
    from scoring.training.kind import kind_of

    names = ", ".join(kind.KIND for kind in _KINDS[:-1])
    raise RecipeError(
        f"{config}: kind is {kind_of(config)!r}; known are {names}, and none for tasks on texts"
    )
