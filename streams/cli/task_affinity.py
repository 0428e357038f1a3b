"""`rillstream tasks affinity` and `choose`: which tasks help which, by a recipe's own rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli import behaviour, texts
from streams.cli.named import must_be_there
from streams.cli.options import Data, Json, RecipeSeed, SkipBad, Threads, examples
from streams.cli.printing import print_json, print_table, remark

if TYPE_CHECKING:
    from scoring.training.fold_losses import FoldLoss
    from scoring.training.looking_ahead import LookingAhead
    from scoring.training.task_sets import TaskSet
    from scoring.training.task_source import Stop, TaskSource

Config = Annotated[Path, typer.Argument(help="A recipe of several tasks, of text or behaviour.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "affinity",
        epilog=examples(
            "rillstream tasks affinity shop.toml",
            "rillstream tasks affinity shop.toml --data ~/data --look-every 5 --groups 2 --json",
        ),
    )(affinity)
    app.command(
        "choose",
        epilog=examples(
            "rillstream tasks choose shop.toml --for sentiment",
            "rillstream tasks choose shop.toml --for sale --folds 5 --results sale.jsonl --json",
        ),
    )(choose)


def affinity(
    config: Config,
    data: Data = None,
    look_every: Annotated[int, typer.Option(min=1, help="Batches between two looks ahead.")] = 10,
    groups: Annotated[
        int, typer.Option(min=1, help="Models that the tasks may be divided among.")
    ] = 2,
    seed: RecipeSeed = None,
    skip_bad: SkipBad = False,
    threads: Threads = 1,
    as_json: Json = False,
) -> None:
    """Train tasks together; tell how much each helps another.

    By how much does a step on one lower the loss of another? Positive helps, negative hurts (Fifty
    et al. 2021). Ctrl-C shows what was found so far. No model is saved.
    """
    from scoring.training.looking_ahead import LookingAhead
    from scoring.training.loop import Interrupted, fit
    from streams.cli.training_course import Course, until_asked

    source = _source(config, data, seed, skip_bad=skip_bad, threads=threads)
    joint = source.joint()
    ahead = LookingAhead(joint.trainable, joint.settings.learning_rate, look_every)
    with until_asked() as stop, Course(joint.settings) as course:
        try:
            fit(ahead, joint.settings, joint.balancer, progress=course.show, stop=stop)
        except Interrupted:
            if ahead.found:
                _show_affinity(ahead, groups, as_json=as_json)
            raise
    _show_affinity(ahead, groups, as_json=as_json)


def choose(
    config: Config,
    target: Annotated[
        str, typer.Option("--for", help="The task that is to become better.", show_default=False)
    ],
    data: Data = None,
    folds: Annotated[int, typer.Option(min=2, help="Parts that are held out in turn.")] = 3,
    results: Annotated[
        Path | None,
        typer.Option(
            help="File of losses that are known; gets the new ones.",
            show_default="models/NAME-TASK.folds.jsonl",
        ),
    ] = None,
    seed: RecipeSeed = None,
    skip_bad: SkipBad = False,
    threads: Threads = 1,
    as_json: Json = False,
) -> None:
    """Choose the tasks to be trained with one.

    By its loss on held-out folds: one helper joins at a time, if it gains more than one standard
    error over the folds. Ctrl-C loses one training at most: the same command goes on. No model is
    saved.
    """
    from scoring.errors import RecipeError
    from scoring.training.fold_losses import FoldLosses
    from scoring.training.task_sets import choose_tasks

    source = _source(config, data, seed, skip_bad=skip_bad, threads=threads)
    if target not in source.tasks:
        raise RecipeError(f"{config} has no task {target!r}; it has {', '.join(source.tasks)}")
    file = results or Path("models") / f"{config.stem}-{target}.folds.jsonl"
    helpers = [task for task in source.tasks if task != target]
    with _going_on(file) as stop:
        losses = FoldLosses(source, folds, file, _told(folds), stop)
        found = choose_tasks(target, helpers, losses, folds)
    _show_choice(found, as_json=as_json)


def _source(
    config: Path, data: Path | None, seed: int | None, *, skip_bad: bool, threads: int
) -> "TaskSource":
    """The recipe's tasks with their rows.

    Raises:
        RecipeError: There is one task only.
    """
    must_be_there(config)
    import torch

    from scoring.errors import RecipeError
    from scoring.training.rows import Reading

    torch.set_num_threads(threads)
    reading = Reading(skip_bad)
    folder = data or config.parent
    source: TaskSource
    if behaviour.is_recipe(config):
        from scoring.behaviour.task_source import BehaviourTasks

        source = BehaviourTasks(behaviour.read_recipe(config, seed), folder, reading)
    else:
        from scoring.training.text_source import TextTasks

        source = TextTasks(texts.read_recipe(config, seed), folder, reading)
    if said := reading.summary():
        remark(said)
    if len(source.tasks) < 2:
        raise RecipeError(f"{config} has one task: there is nothing to compare it with")
    return source


@contextmanager
def _going_on(file: Path) -> "Iterator[Stop]":
    """Ctrl-C ends the training that runs, and says how to go on."""
    from scoring.training.loop import Interrupted
    from streams.cli.training_course import until_asked

    with until_asked() as stop:
        try:
            yield stop
        except Interrupted as stopped:
            raise Interrupted(
                f"stopped; what is known is in {file}: run again to go on"
            ) from stopped


def _told(folds: int) -> "Callable[[FoldLoss], None]":
    def tell(said: "FoldLoss") -> None:
        remark(f"{' + '.join(said.tasks)}, fold {said.fold + 1} of {folds}: {said.loss:.4f}")

    return tell


def _show_affinity(ahead: "LookingAhead[object]", n_groups: int, *, as_json: bool) -> None:
    from scoring.training.affinity import best_groups

    mean, errors = ahead.mean()
    groups = best_groups(mean, n_groups)
    if as_json:
        for i, step in enumerate(mean.tasks):
            for j, loss in enumerate(mean.tasks):
                print_json(
                    {
                        "step_on": step,
                        "loss_of": loss,
                        "gain": mean.gains[i, j],
                        "error": errors[i, j],
                    }
                )
        print_json({"groups": groups, "batches": len(ahead.found)})
        return
    print_table(
        ("a step on, gain in ‰ ± error", *(f"for {task}" for task in mean.tasks)),
        [
            (
                step,
                *(
                    f"{1000 * mean.gains[i, j]:+.3f} ± {1000 * errors[i, j]:.3f}"
                    for j in range(len(mean.tasks))
                ),
            )
            for i, step in enumerate(mean.tasks)
        ],
    )
    shown = "; ".join(" + ".join(group) for group in groups)
    remark(f"{len(ahead.found)} batches looked at, {ahead.n_without} said nothing; best: {shown}")


def _show_choice(found: "TaskSet", *, as_json: bool) -> None:
    if as_json:
        for each in found.tried:
            print_json(
                {
                    "tasks": each.tasks,
                    "losses": each.losses,
                    "gain": each.gain,
                    "error": each.error,
                    "kept": each.kept,
                }
            )
        print_json({"chosen": found.tasks, "losses": found.losses})
        return
    print_table(
        ("tasks", "loss", "gain", "standard error", ""),
        [
            (
                " + ".join(each.tasks),
                f"{sum(each.losses) / len(each.losses):.4f}",
                f"{each.gain:+.4f}",
                f"{each.error:.4f}",
                "joins" if each.kept else "",
            )
            for each in found.tried
        ],
    )
    print(" + ".join(found.tasks))
