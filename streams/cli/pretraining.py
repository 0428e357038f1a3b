"""`rillstream pretrain`: an encoder that has read the shop's own texts."""

from pathlib import Path
from typing import Annotated

import typer

from streams.cli.named import must_be_there
from streams.cli.options import Data, Json, RecipeSeed, Restart, SkipBad, Threads, examples
from streams.cli.printing import number_said, print_json, print_table, remark
from streams.cli.training import TensorBoard


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "rillstream pretrain shop.toml",
            "rillstream pretrain shop.toml --data ~/data --out models/shop-words --seed 1",
        ),
    )(pretrain)


def pretrain(
    config: Annotated[Path, typer.Argument(help="A recipe in TOML: docs/pretraining.md.")],
    data: Data = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Where the result goes: the encoder's folder.", show_default="models/NAME"
        ),
    ] = None,
    seed: RecipeSeed = None,
    skip_bad: SkipBad = False,
    restart: Restart = False,
    tensorboard: TensorBoard = None,
    threads: Threads = 1,
    as_json: Json = False,
) -> None:
    """Train an encoder on a shop's own words.

    It guesses hidden words of the catalogue and its searches, and tells which texts belong
    together. What comes out is an encoder for `index build --encoder`, and for `source` in a recipe
    of `rillstream train`. Measured before and after, on texts that were not learned from.
    """
    must_be_there(config)
    from scoring.pretraining.recipe import read_pretraining
    from scoring.pretraining.run import pretrain as run
    from scoring.training.rows import Reading
    from scoring.training.seeded import seeded
    from streams.cli.training_course import Course, curves, until_asked

    recipe = seeded(read_pretraining(config), seed)
    place = out or Path("models") / recipe.name
    reading = Reading(skip_bad)
    with until_asked() as stop, curves(tensorboard) as writer, Course(recipe.training) as course:
        gain = run(
            recipe,
            data or config.parent,
            place,
            reading,
            threads=threads,
            restart=restart,
            progress=course.show,
            writer=writer,
            stop=stop,
        )
    remark(f"saved in {place}")
    if said := reading.summary():
        remark(said)
    if as_json:
        for name, value in gain.after.items():
            print_json({"measure": name, "before": gain.before[name], "after": value})
    else:
        print_table(
            ("measure", "before", "after"),
            [
                (name, number_said(gain.before[name], ".4f"), number_said(value, ".4f"))
                for name, value in gain.after.items()
            ],
        )
